package message

import (
	"slices"
	"strconv"

	"github.com/goccy/go-json"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/privacy"
)

// Settings are the inputs of a log's flows that are not in the log.
type Settings struct {
	Sensor string
	// Instance is the instance id; nil stands for the number 0.
	Instance *string
	// Milliseconds writes start and end in ms since the epoch instead of s.
	Milliseconds bool
	// UDPMilliseconds reads UDP durations as ms instead of s.
	UDPMilliseconds bool
	// Privacy replaces addresses; nil leaves them as Tstat wrote them.
	Privacy *privacy.Policy
}

// template says how to make the flow of one direction of a row: its values are
// computed, then its segments are rendered in order.
type template struct {
	segments []fastparse.Segment
	columns  int // number of fields that a row must have
	size     int // room in bytes that Render needs for a flow
	// Columns from which values are computed; -1 if the layout lacks the column. absolute
	// is first_abs.
	packets, rexmits, first, last, absolute, durat int
	minMax                                         []minMax
}

// minMax is a value that is the smaller (mss) or larger (sackCnt) of two columns.
type minMax struct {
	columns [2]int
	value   int // index of the computed value
}

// builder builds a template.
type builder struct {
	template
	layout  *fastparse.Layout
	replace bool   // replace IP addresses
	text    []byte // constant text of the next segment
}

// tcpValues are the values of a TCP flow that follow packets_per_second, in order:
// the key, the column's name without its direction, and the column's format.
var tcpValues = []struct {
	key, column string
	format      fastparse.Format
	value       int // index of the computed value, for Text and MinMax
}{
	{"tcp_rexmit_bytes", "bytes_retx", fastparse.Counter, 0},
	{"tcp_rexmit_pkts", "pkts_retx", fastparse.Counter, 0},
	{"tcp_rexmit_rate", "", fastparse.Text, rexmitRate},
	{"tcp_syn_cnt", "syn_cnt", fastparse.Counter, 0},
	{"tcp_rtt_avg", "rtt_avg", fastparse.RTT, 0},
	{"tcp_rtt_min", "rtt_min", fastparse.RTT, 0},
	{"tcp_rtt_max", "rtt_max", fastparse.RTT, 0},
	{"tcp_rtt_std", "rtt_std", fastparse.RTT, 0},
	{"tcp_pkts_rto", "pkts_rto", fastparse.Counter, 0},
	{"tcp_pkts_fs", "pkts_fs", fastparse.Counter, 0},
	{"tcp_pkts_reor", "pkts_reor", fastparse.Counter, 0},
	{"tcp_pkts_dup", "pkts_dup", fastparse.Counter, 0},
	{"tcp_pkts_unk", "pkts_unk", fastparse.Counter, 0},
	{"tcp_pkts_fc", "pkts_fc", fastparse.Counter, 0},
	{"tcp_pkts_unrto", "pkts_unrto", fastparse.Counter, 0},
	{"tcp_pkts_unfs", "pkts_unfs", fastparse.Counter, 0},
	{"tcp_cwin_min", "cwin_min", fastparse.Counter, 0},
	{"tcp_cwin_max", "cwin_max", fastparse.Counter, 0},
	{"tcp_out_seq_pkts", "pkts_ooo", fastparse.Counter, 0},
	{"tcp_window_scale", "win_scl", fastparse.Counter, 0},
	{"tcp_mss", "mss", fastparse.MinMax, mss},
	{"tcp_max_seg_size", "mss_max", fastparse.Counter, 0},
	{"tcp_min_seg_size", "mss_min", fastparse.Counter, 0},
	{"tcp_win_max", "cwin_max", fastparse.Counter, 0},
	{"tcp_win_min", "cwin_min", fastparse.Counter, 0},
	{"tcp_initial_cwin", "cwin_ini", fastparse.Counter, 0},
	{"tcp_sack_cnt", "sack_cnt", fastparse.MinMax, sackCnt},
}

// Columns returns the number of leading fields of a row that its flows depend on.
func Columns(l *fastparse.Layout) int {
	return max(compile(l, Settings{}, "c_", "s_").columns, compile(l, Settings{}, "s_", "c_").columns)
}

// compile returns the template of the flows from source ("c_" or "s_") to
// destination.
func compile(l *fastparse.Layout, s Settings, source, destination string) *template {
	b := &builder{layout: l, replace: s.Privacy.On()}
	for _, column := range l.ByteColumns() {
		b.columns = max(b.columns, column+1)
	}
	packets := "pkts_data"
	if l.Protocol == fastparse.UDP {
		packets = "pkts_all"
		b.absolute = b.column(source + "first_abs")
		b.durat = b.column(source + "durat")
		b.first, b.last = -1, -1
	} else {
		b.absolute = b.column("first_abs")
		b.durat, b.first, b.last = b.column("durat"), b.column("first"), b.column("last")
	}
	b.packets, b.rexmits = b.column(source+packets), -1

	b.constant(`,{"type":"flow","interval":600,"values":{"duration":`).emit(fastparse.Number, duration)
	b.constant(`,"num_bits":`).emit(fastparse.Number, numBits)
	b.constant(`,"num_packets":`).field(fastparse.Counter, source+packets)
	b.constant(`,"bits_per_second":`).emit(fastparse.Number, bitRate)
	b.constant(`,"packets_per_second":`).computed(fastparse.Number, packetRate, b.packets)
	if l.Protocol == fastparse.TCP {
		b.rexmits = b.column(source + "pkts_retx")
		for _, v := range tcpValues {
			b.constant(`,"` + v.key + `":`)
			switch v.value {
			case rexmitRate:
				b.computed(v.format, v.value, b.packets, b.rexmits)
			case mss, sackCnt:
				b.choose(v.value, "c_"+v.column, "s_"+v.column)
			default:
				b.field(v.format, source+v.column)
			}
		}
	}
	b.constant(`},"meta":{"src_ip":"`).address(source)
	b.constant(`","src_port":`).field(fastparse.Port, source+"port")
	b.constant(`,"dst_ip":"`).address(destination)
	b.constant(`","dst_port":`).field(fastparse.Port, destination+"port")
	b.constant(`,"protocol":"` + l.Protocol.String() + `","sensor_id":` + quote(s.Sensor) + `,"instance_id":`)
	if s.Instance == nil {
		b.constant("0")
	} else {
		b.constant(quote(*s.Instance))
	}
	b.constant(`,"flow_type":"tstat"},"start":`).emit(fastparse.Timestamp, start)
	b.constant(`,"end":`).emit(fastparse.Timestamp, end)
	b.constant(`}`).emit(fastparse.Text, nothing)
	return &b.template
}

// quote returns s as a JSON string; bytes that are not UTF-8 are replaced.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string that cannot be written as JSON: " + strconv.Quote(s))
	}
	return string(text)
}

// column returns the index of the named column, and makes rows without a field for the
// column malformed. It returns -1 if the layout lacks the column.
func (b *builder) column(name string) int {
	i := b.layout.Column(name)
	b.columns = max(b.columns, i+1)
	return i
}

func (b *builder) constant(text string) *builder {
	b.text = append(b.text, text...)
	return b
}

// field emits a column, or null if the layout lacks the column.
func (b *builder) field(format fastparse.Format, name string) {
	i := b.column(name)
	if i < 0 {
		b.constant("null")
		return
	}
	b.emit(format, i)
}

// computed emits a value that is computed from columns, or null if the layout lacks one
// of them.
func (b *builder) computed(format fastparse.Format, value int, columns ...int) {
	if slices.Contains(columns, -1) {
		b.constant("null")
		return
	}
	b.emit(format, value)
}

// address emits the address of the client ("c_") or the server ("s_").
func (b *builder) address(side string) {
	column := b.column(side + "ip")
	switch {
	case !b.replace:
		b.emit(fastparse.Address, column)
	case side == "c_":
		b.emit(fastparse.Text, clientIP)
	default:
		b.emit(fastparse.Text, serverIP)
	}
}

// choose emits the smaller or larger of two columns, or null if the layout lacks one
// of them.
func (b *builder) choose(value int, name, other string) {
	// Not b.column: if the layout has only one of the columns, rows need no field for it.
	if b.layout.Column(name) < 0 || b.layout.Column(other) < 0 {
		b.constant("null")
		return
	}
	b.minMax = append(b.minMax, minMax{[2]int{b.column(name), b.column(other)}, value})
	b.emit(fastparse.MinMax, value)
}

// emit ends a segment: the constant text so far, followed by a value. at is a column
// or the index of a computed value, depending on the format.
func (b *builder) emit(format fastparse.Format, at int) {
	// A segment has room for MaxText bytes, so a longer text takes several segments. All but
	// the last have an empty value, which needs no room: Render writes the next segment over
	// the bytes that it has copied for the empty value.
	for len(b.text) > fastparse.MaxText {
		b.segment(fastparse.MaxText, fastparse.Text, nothing)
	}
	b.segment(len(b.text), format, at)
	b.size += fastparse.MaxValue
}

// segment appends a segment of the first n bytes of the text and a value.
func (b *builder) segment(n int, format fastparse.Format, at int) {
	b.segments = append(b.segments, fastparse.NewSegment(b.text[:n], format, at))
	b.size += n
	b.text = b.text[:copy(b.text, b.text[n:])]
}
