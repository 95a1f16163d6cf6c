package message

import (
	"strconv"

	"github.com/goccy/go-json"

	"tstat-transport/internal/fastparse"
)

// Settings are what flows say beyond the log, and how.
type Settings struct {
	Sensor string
	// Instance is the instance id; nil stands for the number 0.
	Instance *string
	// Milliseconds gives start and end in ms since the epoch instead of s.
	Milliseconds bool
	// UDPMilliseconds reads UDP durations as ms instead of s.
	UDPMilliseconds bool
}

// kind says what a piece writes behind its text.
type kind uint8

const (
	counter kind = iota // a field: a number
	address             // a field: an IP address
	rtt                 // a field: a time, rounded to three decimals
	moment              // one of values: the column of a time, to be cut off, or text
	chosen              // a counter, of the column that is one of values
	number              // one of values, as a number
	text                // one of values, as text
)

// textSize is the longest text of a piece; longer ones take several pieces. It
// is copied whole, at the speed of a fixed size.
const textSize = 32

// piece is a constant text and then a value.
type piece struct {
	text [textSize]byte
	len  uint8
	kind kind
	at   uint16 // the column or the index in values
}

// program is how the flow of one direction of the rows of one layout is made:
// values are computed, then pieces written one behind the other.
type program struct {
	pieces  []piece
	columns int // so many fields of a row are needed
	size    int // no flow is longer
	// packets and rexmits are the columns behind the rates, -1 if absent.
	packets, rexmits int
	// first, last, first_abs and durat, as far as the layout has them; TCP's
	// are the same for both directions.
	first, last, absolute, durat int
	choices                      []choice
}

// choice is the smaller (mss) or larger (sackCnt) of two columns.
type choice struct {
	columns [2]int
	value   int
}

// builder assembles a program.
type builder struct {
	program
	layout *fastparse.Layout
	text   []byte
}

// tcpValues are the values of a TCP flow behind packets_per_second, in order:
// key, the column's name without its direction, and what is made of it.
var tcpValues = []struct {
	key, column string
	kind        kind
	value       int // if it is computed or chosen
}{
	{"tcp_rexmit_bytes", "bytes_retx", counter, 0},
	{"tcp_rexmit_pkts", "pkts_retx", counter, 0},
	{"tcp_rexmit_rate", "", text, rexmitRate},
	{"tcp_syn_cnt", "syn_cnt", counter, 0},
	{"tcp_rtt_avg", "rtt_avg", rtt, 0},
	{"tcp_rtt_min", "rtt_min", rtt, 0},
	{"tcp_rtt_max", "rtt_max", rtt, 0},
	{"tcp_rtt_std", "rtt_std", rtt, 0},
	{"tcp_pkts_rto", "pkts_rto", counter, 0},
	{"tcp_pkts_fs", "pkts_fs", counter, 0},
	{"tcp_pkts_reor", "pkts_reor", counter, 0},
	{"tcp_pkts_dup", "pkts_dup", counter, 0},
	{"tcp_pkts_unk", "pkts_unk", counter, 0},
	{"tcp_pkts_fc", "pkts_fc", counter, 0},
	{"tcp_pkts_unrto", "pkts_unrto", counter, 0},
	{"tcp_pkts_unfs", "pkts_unfs", counter, 0},
	{"tcp_cwin_min", "cwin_min", counter, 0},
	{"tcp_cwin_max", "cwin_max", counter, 0},
	{"tcp_out_seq_pkts", "pkts_ooo", counter, 0},
	{"tcp_window_scale", "win_scl", counter, 0},
	{"tcp_mss", "mss", chosen, mss},
	{"tcp_max_seg_size", "mss_max", counter, 0},
	{"tcp_min_seg_size", "mss_min", counter, 0},
	{"tcp_win_max", "cwin_max", counter, 0},
	{"tcp_win_min", "cwin_min", counter, 0},
	{"tcp_initial_cwin", "cwin_ini", counter, 0},
	{"tcp_sack_cnt", "sack_cnt", chosen, sackCnt},
}

// compile makes the program for the flows from source ("c_" or "s_") to
// destination.
func compile(l *fastparse.Layout, s Settings, source, destination string) *program {
	b := &builder{layout: l}
	for _, column := range l.ByteCounts() {
		b.columns = max(b.columns, column+1)
	}
	packets := "pkts_data"
	if l.Protocol == fastparse.UDP {
		packets = "pkts_all"
		b.absolute = b.use(source + "first_abs")
		b.durat = b.use(source + "durat")
		b.first, b.last = -1, -1
	} else {
		b.absolute = b.use("first_abs")
		b.durat, b.first, b.last = b.use("durat"), b.use("first"), b.use("last")
	}
	b.packets, b.rexmits = b.use(source+packets), -1

	b.constant(`,{"type":"flow","interval":600,"values":{"duration":`).emit(number, duration)
	b.constant(`,"num_bits":`).emit(number, numBits)
	b.constant(`,"num_packets":`).field(counter, source+packets)
	b.constant(`,"bits_per_second":`).emit(number, bitRate)
	b.constant(`,"packets_per_second":`).computed(number, packetRate, b.packets >= 0)
	if l.Protocol == fastparse.TCP {
		b.rexmits = b.use(source + "pkts_retx")
		for _, v := range tcpValues {
			b.constant(`,"` + v.key + `":`)
			switch v.kind {
			case text:
				b.computed(text, v.value, b.packets >= 0 && b.rexmits >= 0)
			case chosen:
				b.choice(v.value, "c_"+v.column, "s_"+v.column)
			default:
				b.field(v.kind, source+v.column)
			}
		}
	}
	b.constant(`},"meta":{"src_ip":"`).emit(address, b.use(source+"ip"))
	b.constant(`","src_port":`).field(counter, source+"port")
	b.constant(`,"dst_ip":"`).emit(address, b.use(destination+"ip"))
	b.constant(`","dst_port":`).field(counter, destination+"port")
	b.constant(`,"protocol":"` + l.Protocol.String() + `","sensor_id":` + quote(s.Sensor) + `,"instance_id":`)
	if s.Instance == nil {
		b.constant("0")
	} else {
		b.constant(quote(*s.Instance))
	}
	b.constant(`,"flow_type":"tstat"},"start":`).emit(moment, start)
	b.constant(`,"end":`).emit(moment, end)
	b.constant(`}`).emit(text, nothing)
	return &b.program
}

// quote returns s as a JSON string; bytes that are not UTF-8 are replaced.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string that is no JSON: " + strconv.Quote(s))
	}
	return string(text)
}

// use returns the column of that name, -1 if absent, and counts it as needed.
func (b *builder) use(name string) int {
	i := b.layout.Column(name)
	b.columns = max(b.columns, i+1)
	return i
}

func (b *builder) constant(text string) *builder {
	b.text = append(b.text, text...)
	return b
}

// field emits a column, or null where it is absent.
func (b *builder) field(k kind, name string) {
	if i := b.use(name); i >= 0 {
		b.emit(k, i)
	} else {
		b.constant("null")
	}
}

// computed emits a value, or null where what it is computed of is absent.
func (b *builder) computed(k kind, value int, known bool) {
	if known {
		b.emit(k, value)
	} else {
		b.constant("null")
	}
}

// choice emits the smaller or larger of two columns, or null unless both are there.
func (b *builder) choice(value int, name, other string) {
	known := b.layout.Column(name) >= 0 && b.layout.Column(other) >= 0
	if known {
		b.choices = append(b.choices, choice{[2]int{b.use(name), b.use(other)}, value})
	}
	b.computed(chosen, value, known)
}

func (b *builder) emit(k kind, at int) {
	for len(b.text) > textSize {
		b.piece(textSize, text, nothing)
	}
	b.piece(len(b.text), k, at)
	b.size += maxValue
}

// piece takes n bytes of the text.
func (b *builder) piece(n int, k kind, at int) {
	p := piece{len: uint8(n), kind: k, at: uint16(at)}
	copy(p.text[:], b.text[:n])
	b.pieces = append(b.pieces, p)
	b.size += n
	b.text = b.text[:copy(b.text, b.text[n:])]
}
