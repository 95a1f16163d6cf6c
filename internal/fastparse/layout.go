package fastparse

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Protocol is the kind of a log.
type Protocol uint8

// The two logs that are read.
const (
	TCP Protocol = iota // log_tcp_complete
	UDP                 // log_udp_complete
)

// String returns "tcp" or "udp", as flows name their protocol.
func (k Protocol) String() string { return [...]string{"tcp", "udp"}[k] }

// MaxColumns is the largest number of columns a header may have. The largest
// known, Tstat 3.2.1 built with PACKET_STATS, has 213.
const MaxColumns = 1024

// Layout is where the columns of a log stand, as its header line says.
type Layout struct {
	Protocol Protocol
	// Header is the header line, without its newline.
	Header string

	columns map[string]int
	names   []string
	bytes   [2]int // columns of the byte counts: client's, server's
}

// required are the columns without which a row is no flow. They also tell a
// header line from a name that came over the network and looks like one.
var required = [...][]string{
	TCP: {"c_ip", "c_port", "s_ip", "s_port", "c_bytes_uniq", "s_bytes_uniq", "durat", "first", "last"},
	UDP: {
		"c_ip", "c_port", "s_ip", "s_port", "c_bytes_all", "s_bytes_all",
		"c_first_abs", "s_first_abs", "c_durat", "s_durat",
	},
}

// everywhere are the columns that every Tstat from 2.4 on writes at every log
// level.
var everywhere = [...][]string{
	TCP: {
		"c_ip", "c_port", "c_pkts_all", "c_rst_cnt", "c_ack_cnt", "c_ack_cnt_p", "c_bytes_uniq", "c_pkts_data",
		"c_bytes_all", "c_pkts_retx", "c_bytes_retx", "c_pkts_ooo", "c_syn_cnt", "c_fin_cnt", "s_ip", "s_port",
		"s_pkts_all", "s_rst_cnt", "s_ack_cnt", "s_ack_cnt_p", "s_bytes_uniq", "s_pkts_data", "s_bytes_all",
		"s_pkts_retx", "s_bytes_retx", "s_pkts_ooo", "s_syn_cnt", "s_fin_cnt", "first", "last", "durat", "c_first",
		"s_first", "c_last", "s_last", "c_first_ack", "s_first_ack", "c_isint", "s_isint", "con_t", "p2p_t",
		"http_t",
	},
	UDP: {
		"c_ip", "c_port", "c_first_abs", "c_durat", "c_bytes_all", "c_pkts_all", "c_isint", "c_type", "s_ip",
		"s_port", "s_first_abs", "s_durat", "s_bytes_all", "s_pkts_all", "s_isint", "s_type",
	},
}

// MayFollow reports whether a header with this layout may stand in mid-file. A
// name that came over the network may hold a newline and then what looks like
// a header. The required columns alone would fit into one; all those that every
// Tstat writes take 519 bytes in a TCP log, which is more than two names of 255
// bytes, but 179 in a UDP log.
func (l *Layout) MayFollow() bool {
	for _, name := range everywhere[l.Protocol] {
		if l.Column(name) < 0 {
			return false
		}
	}
	return true
}

var byteCounts = [...][2]string{
	TCP: {"c_bytes_uniq", "s_bytes_uniq"},
	UDP: {"c_bytes_all", "s_bytes_all"},
}

// ParseHeader reads a header line, without its newline. The line is copied.
// Columns are numbered from 1 without a gap; a column's name is what stands
// between the last # of its token (if any) and the colon; of a repeated name
// the first counts.
func ParseHeader(kind Protocol, line []byte) (*Layout, error) {
	if len(line) == 0 || line[0] != '#' {
		return nil, fmt.Errorf("no header line: it starts with #, this one with %.20q", line)
	}
	l := &Layout{Protocol: kind, Header: string(line)}
	n := strings.Count(l.Header, " ") + 1
	if n > MaxColumns {
		return nil, fmt.Errorf("header line has %d columns, at most %d are supported", n, MaxColumns)
	}
	l.columns = make(map[string]int, n)
	l.names = make([]string, 0, n)
	for token := range strings.SplitSeq(l.Header, " ") {
		name, number, _ := strings.Cut(token[strings.LastIndexByte(token, '#')+1:], ":")
		if name == "" || number != strconv.Itoa(len(l.names)+1) {
			return nil, fmt.Errorf("header line: column %d is %.40q, not NAME:%d", len(l.names)+1, token, len(l.names)+1)
		}
		if _, repeated := l.columns[name]; !repeated {
			l.columns[name] = len(l.names)
		}
		l.names = append(l.names, name)
	}
	for _, name := range required[kind] {
		if l.Column(name) < 0 {
			return nil, fmt.Errorf("header line of a %s log without column %s", kind, name)
		}
	}
	for i, name := range byteCounts[kind] {
		l.bytes[i] = l.Column(name)
	}
	return l, nil
}

// Column returns the index of the named column, from 0, or -1 where the layout
// lacks it.
func (l *Layout) Column(name string) int {
	if i, ok := l.columns[name]; ok {
		return i
	}
	return -1
}

// ByteCounts returns the columns of the byte counts that the threshold is held
// against: the client's and the server's.
func (l *Layout) ByteCounts() [2]int { return l.bytes }

// Name returns the name of column i.
func (l *Layout) Name(i int) string { return l.names[i] }

// Same reports whether line is the header line of l.
func (l *Layout) Same(line []byte) bool {
	return l != nil && len(line) == len(l.Header) && bytes.HasPrefix(line, []byte(l.Header))
}
