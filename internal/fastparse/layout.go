package fastparse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Protocol is the transport protocol of a log's rows.
type Protocol uint8

// The two protocols, each with a log of its own.
const (
	TCP Protocol = iota // log_tcp_complete
	UDP                 // log_udp_complete
)

// String returns "tcp" or "udp", as flows name their protocol.
func (p Protocol) String() string { return [...]string{"tcp", "udp"}[p] }

// MaxColumns is the largest number of columns a header may have. The largest
// known, Tstat 3.2.1 built with PACKET_STATS, has 213.
const MaxColumns = 1024

// Layout holds the positions of a log's columns, as its header line names them.
type Layout struct {
	Protocol Protocol
	// Header is the header line, without its newline.
	Header string

	columns     map[string]int
	names       []string
	byteColumns [2]int // columns of the byte counts: client's, server's
	numbered    bool   // starts with # and numbers its columns 1, 2, 3, ...
}

// required are the columns that a flow cannot do without. A line that lacks one of
// them is not a header.
var required = [...][]string{
	TCP: {"c_ip", "c_port", "s_ip", "s_port", "c_bytes_uniq", "s_bytes_uniq", "durat", "first", "last"},
	UDP: {
		"c_ip", "c_port", "s_ip", "s_port", "c_bytes_all", "s_bytes_all",
		"c_first_abs", "s_first_abs", "c_durat", "s_durat",
	},
}

// alwaysWritten are the columns that every Tstat since 2.4 writes at every log level.
var alwaysWritten = [...][]string{
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

// MayFollow reports whether the header of l may replace a different header after the first
// line of a log. A host name in a row comes from the network and may contain a newline
// followed by a forged header. So the rules are stricter than for the first line: the header
// starts with #, numbers its columns from 1 without a gap, and names every column that every
// Tstat writes. In a TCP log, such a header has at least 519 bytes, so it fits neither into a
// name of 255 bytes nor into two neighbouring names. In a UDP log, such a header has at least
// 179 bytes and fits into a name, so it can be forged (docs/reliability.md).
func (l *Layout) MayFollow() bool {
	if !l.numbered {
		return false
	}
	for _, name := range alwaysWritten[l.Protocol] {
		if l.Column(name) < 0 {
			return false
		}
	}
	return true
}

// byteCounts are the names of the byte counts that are compared with the threshold: the
// client's and the server's.
var byteCounts = [...][2]string{
	TCP: {"c_bytes_uniq", "s_bytes_uniq"},
	UDP: {"c_bytes_all", "s_bytes_all"},
}

// ErrFirstRow is the error for a log whose first line is a row. Guessing its
// columns could send wrong values.
var ErrFirstRow = errors.New("no header: the first line is a row (logs of Tstat 2.2 and 2.3 have no header and cannot be read)")

// ParseHeader parses a log's first line, without its newline, and copies it. The
// line is a header if it names all required columns. The error is ErrFirstRow, or says
// why the line is not a header.
//
// The name of a column is the part of its token after the last # (if any) and before
// the next : (if any). The numbers are ignored: Tstat 2.4 beta counts from 0, and
// some builds leave a number out or repeat a number. If a name is repeated, the
// first column of that name counts. A trailing carriage return is ignored. If the text
// before the first # contains a space and c_ip comes after the text, the line is no
// header: rows may or may not have a field for the part before the space.
func ParseHeader(protocol Protocol, line []byte) (*Layout, error) {
	l := &Layout{Protocol: protocol, Header: string(line)}
	text := strings.TrimSuffix(l.Header, "\r")
	n := strings.Count(text, " ") + 1
	if n > MaxColumns {
		return nil, fmt.Errorf("no header: the first line has %d columns, at most %d are supported", n, MaxColumns)
	}
	l.columns = make(map[string]int, n)
	l.names = make([]string, 0, n)
	l.numbered = strings.HasPrefix(text, "#")
	for token := range strings.SplitSeq(text, " ") {
		name, number, _ := strings.Cut(token[strings.LastIndexByte(token, '#')+1:], ":")
		if name == "" || number != strconv.Itoa(len(l.names)+1) {
			l.numbered = false
		}
		if _, repeated := l.columns[name]; !repeated {
			l.columns[name] = len(l.names)
		}
		l.names = append(l.names, name)
	}
	var missing []string
	for _, name := range required[protocol] {
		if l.Column(name) < 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		if startsWithAddress(text) {
			return nil, ErrFirstRow
		}
		return nil, fmt.Errorf("no header: the first line lacks these columns of a %s log: %s", protocol, strings.Join(missing, ", "))
	}
	// If c_ip comes before the #, the # belongs to a later column.
	before, _, found := strings.Cut(text, "#")
	if spaces := strings.Count(before, " "); found && spaces > 0 && l.Column("c_ip") >= spaces {
		return nil, errors.New("no header: a space before the # of the first line makes the positions of the columns unclear")
	}
	for i, name := range byteCounts[protocol] {
		l.byteColumns[i] = l.Column(name)
	}
	return l, nil
}

// startsWithAddress reports whether a line's first field is an IP address, as in
// every row.
func startsWithAddress(line string) bool {
	first, _, _ := strings.Cut(line, " ")
	return strings.ContainsAny(first, ".:") && isAddress([]byte(first))
}

// Column returns the index of the named column, from 0, or -1 if the layout lacks the
// column.
func (l *Layout) Column(name string) int {
	if i, ok := l.columns[name]; ok {
		return i
	}
	return -1
}

// ByteColumns returns the columns of the byte counts that are compared with the
// threshold: the client's and the server's.
func (l *Layout) ByteColumns() [2]int { return l.byteColumns }

// Name returns the name of column i.
func (l *Layout) Name(i int) string { return l.names[i] }

// Same reports whether line is the header line of l, which may be nil.
func (l *Layout) Same(line []byte) bool { return l != nil && string(line) == l.Header }
