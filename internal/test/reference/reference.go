// Package reference is a slow and plain reader of Tstat logs: it decides which lines are rows,
// which rows are sent, and as which flows. Tests compare the fast parser and the hand-written
// encoder with it. It shares with them only the typed record of a flow, and these limits: an
// address has at most 45 bytes, a header at most 1024 columns, a byte count is below 2^61,
// another counter below 2^64, and a time, duration or round-trip time below 10^15 ms.
package reference

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"tstat-transport/internal/message"
)

// Protocol is the transport protocol of a log's rows.
type Protocol string

// The protocols whose logs are sent.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Protocols are the protocols of the logs, by file name.
var Protocols = map[string]Protocol{"log_tcp_complete": TCP, "log_udp_complete": UDP}

// Settings are the settings that flows depend on.
type Settings struct {
	// Threshold is a decimal number of megabytes. A direction becomes a flow if its num_bits
	// is at least 8,000,000 times that. Empty means 0.
	Threshold string
	// Sensor becomes meta.sensor_id.
	Sensor string
	// Instance becomes meta.instance_id.
	Instance message.InstanceID
	// Timestamps is the unit of start and end: "s" (or empty) or "ms".
	Timestamps string
	// UDPDuration is the unit that UDP's durat columns are read in: "s" (or
	// empty) or "ms".
	UDPDuration string
	// From is the byte position at which reading starts, the start of a line. Of the lines
	// before From, only headers count.
	From int64
}

// Result is the result of reading a log.
type Result struct {
	// Rows are the rows that have flows, in the log's order.
	Rows []Row
	// Books counts the lines.
	Books Books
	// Malformed are the malformed lines, in the log's order.
	Malformed []Malformed
	// From is where reading started (Settings.From).
	From int64
	// Tail is the start of the last line if that has no newline, and else the length of the
	// log.
	Tail int64
}

// Row is a line with flows.
type Row struct {
	// Line counts from 1.
	Line int
	// From and To are the byte range [From, To) of the line with its newline,
	// if it has one.
	From, To int64
	// Flows are one or two: client to server first.
	Flows []message.Flow
}

// Books counts lines: Rows = Below + Sent + Malformed.
type Books struct {
	Rows       int // all but headers, empty lines and an incomplete last line
	Below      int // below the threshold in both directions
	Sent       int // rows that have flows
	Malformed  int
	NotFinite  int // statistics in flows that are null because they are nan or inf
	Incomplete int // 1 if the last line has no newline and is not well formed
}

// Malformed is a malformed line.
type Malformed struct {
	Line   int   // counts from 1
	Offset int64 // of the line's first byte
	Reason string
}

// ErrNoHeader is returned for a log whose first line is not a header.
var ErrNoHeader = errors.New("the first line is not a header")

// Flows returns all flows of the result, in the log's order.
func (r Result) Flows() []message.Flow {
	var flows []message.Flow
	for _, row := range r.Rows {
		flows = append(flows, row.Flows...)
	}
	return flows
}

// Read reads a whole uncompressed log. The error is ErrNoHeader, or names the wrong setting.
func Read(log []byte, protocol Protocol, settings Settings) (Result, error) {
	maker, err := newMaker(protocol, settings)
	if err != nil {
		return Result{}, err
	}
	result := Result{From: settings.From, Tail: int64(len(log))}
	offset := int64(0)
	header := "" // the header line in force
	for i, line := range strings.SplitAfter(string(log), "\n") {
		from := offset
		offset += int64(len(line))
		text, whole := strings.CutSuffix(line, "\n")
		if !whole && text != "" {
			result.Tail = max(from, settings.From)
		}
		if strings.TrimSuffix(text, "\r") == "" && (!whole || maker.columns != nil) {
			continue // an empty line, or the end of the log; but a first line must be a header
		}
		if isHeader(text, header, protocol) {
			maker.columns, header = parseHeader(text, protocol), text
			continue
		}
		if maker.columns == nil {
			if !whole && strings.Contains(text, "#") { // Tstat is still writing the header
				result.Books.Incomplete++
				continue
			}
			return Result{}, ErrNoHeader
		}
		if from < settings.From {
			continue
		}
		flows, nulls, err := maker.flows(text)
		switch {
		case err != nil && !whole:
			result.Books.Incomplete++
			continue
		case err != nil:
			result.Books.Malformed++
			result.Malformed = append(result.Malformed, Malformed{Line: i + 1, Offset: from, Reason: err.Error()})
		case len(flows) == 0:
			result.Books.Below++
		default:
			result.Books.Sent++
			result.Books.NotFinite += nulls
			result.Rows = append(result.Rows, Row{Line: i + 1, From: from, To: offset, Flows: flows})
		}
		result.Books.Rows++
	}
	return result, nil
}

// maxColumns is the largest number of columns of a header.
const maxColumns = 1024

// required are the columns without which a line is not a header.
var required = map[Protocol][]string{
	TCP: {"c_ip", "c_port", "s_ip", "s_port", "c_bytes_uniq", "s_bytes_uniq", "durat", "first", "last"},
	UDP: {"c_ip", "c_port", "s_ip", "s_port", "c_bytes_all", "s_bytes_all",
		"c_first_abs", "s_first_abs", "c_durat", "s_durat"},
}

// isHeader reports whether a line is a header. The first line is a header if it can be parsed.
// A later line must also start with #, and repeat the header in force, or number its columns and
// name all columns that every Tstat writes.
func isHeader(line, inForce string, protocol Protocol) bool {
	if inForce != "" && !strings.HasPrefix(line, "#") {
		return false
	}
	columns := parseHeader(line, protocol)
	if columns == nil || inForce == "" {
		return columns != nil
	}
	return line == inForce || isNumbered(line) && hasWritten(columns, protocol)
}

// parseHeader returns the position of each column, from 0, or nil if the line is not
// a header.
func parseHeader(line string, protocol Protocol) map[string]int {
	tokens := strings.Split(strings.TrimSuffix(line, "\r"), " ")
	if len(tokens) > maxColumns {
		return nil
	}
	columns := map[string]int{}
	for i, token := range tokens {
		name := columnName.FindStringSubmatch(token)[1]
		if _, repeated := columns[name]; !repeated {
			columns[name] = i
		}
	}
	for _, name := range required[protocol] {
		if _, ok := columns[name]; !ok {
			return nil
		}
	}
	for i, token := range tokens[:columns["c_ip"]+1] {
		if i > 0 && strings.Contains(token, "#") && !strings.Contains(strings.Join(tokens[:i], ""), "#") {
			return nil // a space before the first #
		}
	}
	return columns
}

// columnName matches a token of a header. Its first group is the column's name.
var columnName = regexp.MustCompile(`(?s)([^#:]*)(:[^#]*)?$`)

// isNumbered reports whether every token of a header is NAME:NUMBER, counted
// from 1.
func isNumbered(line string) bool {
	for i, token := range strings.Split(strings.TrimSuffix(line, "\r"), " ") {
		if !regexp.MustCompile(fmt.Sprintf(`(?s)(^|#)[^#:]+:%d$`, i+1)).MatchString(token) {
			return false
		}
	}
	return true
}

// written are the columns that every Tstat writes.
var written = map[Protocol]string{
	TCP: "*ip *port *pkts_all *rst_cnt *ack_cnt *ack_cnt_p *bytes_uniq *pkts_data *bytes_all *pkts_retx *bytes_retx " +
		"*pkts_ooo *syn_cnt *fin_cnt first last durat *first *last *first_ack *isint con_t p2p_t http_t",
	UDP: "*ip *port *first_abs *durat *bytes_all *pkts_all *isint *type",
}

// hasWritten reports whether a header names all columns that every Tstat writes.
func hasWritten(columns map[string]int, protocol Protocol) bool {
	for _, name := range both(strings.Fields(written[protocol])) {
		if _, ok := columns[name]; !ok {
			return false
		}
	}
	return true
}

// both expands *NAME to c_NAME and s_NAME.
func both(groups []string) (columns []string) {
	for _, group := range groups {
		if name, two := strings.CutPrefix(group, "*"); two {
			columns = append(columns, "c_"+name, "s_"+name)
		} else {
			columns = append(columns, group)
		}
	}
	return columns
}
