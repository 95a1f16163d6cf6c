package fastparse

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Kind is the kind of a log.
type Kind uint8

// The two logs that are read.
const (
	TCP Kind = iota // log_tcp_complete
	UDP             // log_udp_complete
)

// String returns "tcp" or "udp", as flows name their protocol.
func (k Kind) String() string { return [...]string{"tcp", "udp"}[k] }

// MaxColumns is the largest number of columns a header may have. The largest
// known, Tstat 3.2.1 built with PACKET_STATS, has 213.
const MaxColumns = 1024

// Layout is where the columns of a log stand, as its header line says.
type Layout struct {
	Kind Kind
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

var byteCounts = [...][2]string{
	TCP: {"c_bytes_uniq", "s_bytes_uniq"},
	UDP: {"c_bytes_all", "s_bytes_all"},
}

// ParseHeader reads a header line, without its newline. The line is copied.
// Columns are numbered from 1 without a gap; a column's name is what stands
// between the last # of its token (if any) and the colon; of a repeated name
// the first counts.
func ParseHeader(kind Kind, line []byte) (*Layout, error) {
	if len(line) == 0 || line[0] != '#' {
		return nil, fmt.Errorf("no header line: it starts with #, this one with %.20q", line)
	}
	l := &Layout{Kind: kind, Header: string(line)}
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

// Name returns the name of column i.
func (l *Layout) Name(i int) string { return l.names[i] }

// Same reports whether line is the header line of l.
func (l *Layout) Same(line []byte) bool {
	return l != nil && len(line) == len(l.Header) && bytes.HasPrefix(line, []byte(l.Header))
}
