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

// op says what a step writes behind its text.
type op uint8

const (
	nothing op = iota
	number     // column a
	rtt        // column a, three decimals
	smaller    // the smaller of columns a and b
	larger     // the larger of columns a and b
	ip         // column a
	duration
	numBits
	bitRate
	packetRate
	rexmitRate
	start
	end
)

// textSize is the longest text of a step; longer ones take several steps. It
// is copied whole, at the speed of a fixed size.
const textSize = 32

// step writes a constant text and then a value.
type step struct {
	text [textSize]byte
	len  uint8
	op   op
	a, b int16 // columns
}

// program writes the flow of one direction of the rows of one layout.
type program struct {
	steps   []step
	columns int // so many fields of a row are needed
	size    int // no flow is longer
	// packets and rexmits are the columns behind the rates, -1 if absent.
	packets, rexmits int
	// first, last, first_abs and durat, as far as the layout has them; TCP's
	// are the same for both directions.
	first, last, absolute, durat int
}

// builder assembles a program.
type builder struct {
	program
	layout *fastparse.Layout
	text   []byte
}

// tcpValues are the values of a TCP flow behind packets_per_second, in order:
// key, operation, and the column's name without its direction.
var tcpValues = []struct {
	key    string
	op     op
	column string
}{
	{"tcp_rexmit_bytes", number, "bytes_retx"},
	{"tcp_rexmit_pkts", number, "pkts_retx"},
	{"tcp_rexmit_rate", rexmitRate, ""},
	{"tcp_syn_cnt", number, "syn_cnt"},
	{"tcp_rtt_avg", rtt, "rtt_avg"},
	{"tcp_rtt_min", rtt, "rtt_min"},
	{"tcp_rtt_max", rtt, "rtt_max"},
	{"tcp_rtt_std", rtt, "rtt_std"},
	{"tcp_pkts_rto", number, "pkts_rto"},
	{"tcp_pkts_fs", number, "pkts_fs"},
	{"tcp_pkts_reor", number, "pkts_reor"},
	{"tcp_pkts_dup", number, "pkts_dup"},
	{"tcp_pkts_unk", number, "pkts_unk"},
	{"tcp_pkts_fc", number, "pkts_fc"},
	{"tcp_pkts_unrto", number, "pkts_unrto"},
	{"tcp_pkts_unfs", number, "pkts_unfs"},
	{"tcp_cwin_min", number, "cwin_min"},
	{"tcp_cwin_max", number, "cwin_max"},
	{"tcp_out_seq_pkts", number, "pkts_ooo"},
	{"tcp_window_scale", number, "win_scl"},
	{"tcp_mss", smaller, "mss"},
	{"tcp_max_seg_size", number, "mss_max"},
	{"tcp_min_seg_size", number, "mss_min"},
	{"tcp_win_max", number, "cwin_max"},
	{"tcp_win_min", number, "cwin_min"},
	{"tcp_initial_cwin", number, "cwin_ini"},
	{"tcp_sack_cnt", larger, "sack_cnt"},
}

// compile makes the program for the flows from source ("c_" or "s_") to
// destination.
func compile(l *fastparse.Layout, s Settings, source, destination string) *program {
	b := &builder{layout: l}
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

	b.constant(`,{"type":"flow","interval":600,"values":{"duration":`).emit(duration, 0, 0)
	b.constant(`,"num_bits":`).emit(numBits, 0, 0)
	b.constant(`,"num_packets":`).columns1(number, source+packets)
	b.constant(`,"bits_per_second":`).emit(bitRate, 0, 0)
	b.constant(`,"packets_per_second":`).derived(packetRate, b.packets >= 0)
	if l.Kind == fastparse.TCP {
		b.rexmits = b.use(source + "pkts_retx")
		for _, v := range tcpValues {
			b.constant(`,"` + v.key + `":`)
			switch v.op {
			case rexmitRate:
				b.derived(rexmitRate, b.packets >= 0 && b.rexmits >= 0)
			case smaller, larger:
				b.columns2(v.op, "c_"+v.column, "s_"+v.column)
			default:
				b.columns1(v.op, source+v.column)
			}
		}
	}
	b.constant(`},"meta":{"src_ip":"`).columns1(ip, source+"ip")
	b.constant(`","src_port":`).columns1(number, source+"port")
	b.constant(`,"dst_ip":"`).columns1(ip, destination+"ip")
	b.constant(`","dst_port":`).columns1(number, destination+"port")
	b.constant(`,"protocol":"` + l.Kind.String() + `","sensor_id":` + quote(s.Sensor) + `,"instance_id":`)
	if s.Instance == nil {
		b.constant("0")
	} else {
		b.constant(quote(*s.Instance))
	}
	b.constant(`,"flow_type":"tstat"},"start":`).emit(start, 0, 0)
	b.constant(`,"end":`).emit(end, 0, 0)
	b.constant(`}`).emit(nothing, 0, 0)
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

// columns1 emits an operation on a column, or null where it is absent.
func (b *builder) columns1(o op, name string) {
	if i := b.use(name); i >= 0 {
		b.emit(o, i, 0)
	} else {
		b.constant("null")
	}
}

func (b *builder) columns2(o op, name, other string) {
	if b.layout.Column(name) >= 0 && b.layout.Column(other) >= 0 {
		b.emit(o, b.use(name), b.use(other))
	} else {
		b.constant("null")
	}
}

func (b *builder) derived(o op, known bool) {
	if known {
		b.emit(o, 0, 0)
	} else {
		b.constant("null")
	}
}

// maxValue is the longest value: a rate of 2^64 bits in a microsecond, or an
// IPv6 address.
const maxValue = 48

func (b *builder) emit(o op, i, j int) {
	for len(b.text) > textSize {
		s := step{len: textSize}
		copy(s.text[:], b.text)
		b.steps = append(b.steps, s)
		b.size += textSize
		b.text = b.text[textSize:]
	}
	s := step{len: uint8(len(b.text)), op: o, a: int16(i), b: int16(j)}
	copy(s.text[:], b.text)
	b.steps = append(b.steps, s)
	b.size += len(b.text) + maxValue
	b.text = b.text[:0]
}
