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
	number   kind = iota // a field: a counter or a port
	address              // a field: an IP address
	computed             // one of values
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
	rtts                         []rtt
	choices                      []choice
}

// rtt is a time that is rounded to three decimals.
type rtt struct{ column, value int }

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
// key, the column's name without its direction, and what is computed of it, if
// it is not copied.
var tcpValues = []struct {
	key, column string
	value       int
}{
	{"tcp_rexmit_bytes", "bytes_retx", nothing},
	{"tcp_rexmit_pkts", "pkts_retx", nothing},
	{"tcp_rexmit_rate", "", rexmitRate},
	{"tcp_syn_cnt", "syn_cnt", nothing},
	{"tcp_rtt_avg", "rtt_avg", rttAvg},
	{"tcp_rtt_min", "rtt_min", rttMin},
	{"tcp_rtt_max", "rtt_max", rttMax},
	{"tcp_rtt_std", "rtt_std", rttStd},
	{"tcp_pkts_rto", "pkts_rto", nothing},
	{"tcp_pkts_fs", "pkts_fs", nothing},
	{"tcp_pkts_reor", "pkts_reor", nothing},
	{"tcp_pkts_dup", "pkts_dup", nothing},
	{"tcp_pkts_unk", "pkts_unk", nothing},
	{"tcp_pkts_fc", "pkts_fc", nothing},
	{"tcp_pkts_unrto", "pkts_unrto", nothing},
	{"tcp_pkts_unfs", "pkts_unfs", nothing},
	{"tcp_cwin_min", "cwin_min", nothing},
	{"tcp_cwin_max", "cwin_max", nothing},
	{"tcp_out_seq_pkts", "pkts_ooo", nothing},
	{"tcp_window_scale", "win_scl", nothing},
	{"tcp_mss", "mss", mss},
	{"tcp_max_seg_size", "mss_max", nothing},
	{"tcp_min_seg_size", "mss_min", nothing},
	{"tcp_win_max", "cwin_max", nothing},
	{"tcp_win_min", "cwin_min", nothing},
	{"tcp_initial_cwin", "cwin_ini", nothing},
	{"tcp_sack_cnt", "sack_cnt", sackCnt},
}

// compile makes the program for the flows from source ("c_" or "s_") to
// destination.
func compile(l *fastparse.Layout, s Settings, source, destination string) *program {
	b := &builder{layout: l}
	for _, column := range l.ByteCounts() {
		b.columns = max(b.columns, column+1)
	}
	packets := "pkts_data"
	if l.Kind == fastparse.UDP {
		packets = "pkts_all"
		b.absolute = b.use(source + "first_abs")
		b.durat = b.use(source + "durat")
		b.first, b.last = -1, -1
	} else {
		b.absolute = b.use("first_abs")
		b.durat, b.first, b.last = b.use("durat"), b.use("first"), b.use("last")
	}
	b.packets, b.rexmits = b.use(source+packets), -1

	b.constant(`,{"type":"flow","interval":600,"values":{"duration":`).emit(computed, duration)
	b.constant(`,"num_bits":`).emit(computed, numBits)
	b.constant(`,"num_packets":`).number(source + packets)
	b.constant(`,"bits_per_second":`).emit(computed, bitRate)
	b.constant(`,"packets_per_second":`).computed(packetRate, b.packets >= 0)
	if l.Kind == fastparse.TCP {
		b.rexmits = b.use(source + "pkts_retx")
		for _, v := range tcpValues {
			b.constant(`,"` + v.key + `":`)
			switch v.value {
			case nothing:
				b.number(source + v.column)
			case rexmitRate:
				b.computed(rexmitRate, b.packets >= 0 && b.rexmits >= 0)
			case mss, sackCnt:
				b.choice(v.value, "c_"+v.column, "s_"+v.column)
			default:
				b.rtt(v.value, source+v.column)
			}
		}
	}
	b.constant(`},"meta":{"src_ip":"`).emit(address, b.use(source+"ip"))
	b.constant(`","src_port":`).number(source + "port")
	b.constant(`,"dst_ip":"`).emit(address, b.use(destination+"ip"))
	b.constant(`","dst_port":`).number(destination + "port")
	b.constant(`,"protocol":"` + l.Kind.String() + `","sensor_id":` + quote(s.Sensor) + `,"instance_id":`)
	if s.Instance == nil {
		b.constant("0")
	} else {
		b.constant(quote(*s.Instance))
	}
	b.constant(`,"flow_type":"tstat"},"start":`).emit(computed, start)
	b.constant(`,"end":`).emit(computed, end)
	b.constant(`}`).emit(computed, nothing)
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

// number emits a column, or null where it is absent.
func (b *builder) number(name string) {
	if i := b.use(name); i >= 0 {
		b.emit(number, i)
	} else {
		b.constant("null")
	}
}

// computed emits a value, or null where what it is computed of is absent.
func (b *builder) computed(value int, known bool) {
	if known {
		b.emit(computed, value)
	} else {
		b.constant("null")
	}
}

func (b *builder) rtt(value int, name string) {
	i := b.use(name)
	if i >= 0 {
		b.rtts = append(b.rtts, rtt{i, value})
	}
	b.computed(value, i >= 0)
}

// choice emits the smaller or larger of two columns, or null unless both are there.
func (b *builder) choice(value int, name, other string) {
	known := b.layout.Column(name) >= 0 && b.layout.Column(other) >= 0
	if known {
		b.choices = append(b.choices, choice{[2]int{b.use(name), b.use(other)}, value})
	}
	b.computed(value, known)
}

func (b *builder) emit(k kind, at int) {
	for len(b.text) > textSize {
		b.piece(textSize, computed, nothing)
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
