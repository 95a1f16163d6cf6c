package loggen

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// A Maker makes the rows of one log. It may not be used by two goroutines at once.
type Maker struct {
	proto     Proto
	large     float64
	rng       *rand.PCG
	templates []template
	layouts   []layout
	start     uint64          // of the capture, microseconds since the epoch
	values    [nValues]uint64 // of the current row
}

// Header returns the log's header line with its newline.
func (m *Maker) Header() string { return m.layouts[0].header }

// Append appends a row with its newline to dst. The number determines the client's port and
// the low bits of its address, which differ for all numbers below 1<<39 (see ClientNumber). The
// row ends at end.
func (m *Maker) Append(dst []byte, number uint64, end time.Time) []byte {
	dst, _ = m.append(dst, 0, number, uint64(end.UnixMicro()))
	return dst
}

// append is Append for any layout. It also returns the sizes of the client's and the server's
// direction, which are compared with the threshold: bytes_uniq of a TCP row, bytes_all of a UDP
// row.
func (m *Maker) append(dst []byte, layout int, number, end uint64) (_ []byte, sizes [2]uint64) {
	r := m.rng.Uint64()
	n := uint64(len(m.templates))
	t := &m.templates[(r>>32)*n>>32]
	v := &m.values
	*v = t.base
	if m.proto == TCP {
		m.drawTCP(v, uint32(r), end)
	} else {
		m.drawUDP(v, uint32(r), end)
	}
	address, port := client(number)
	v[clientPort] = uint64(port)

	for i := range t.ops[layout] {
		o := &t.ops[layout][i]
		dst = append(dst, o.literal...)
		switch o.form {
		case asCount:
			dst = strconv.AppendUint(dst, v[o.value], 10)
		case asEpoch:
			dst = appendEpoch(dst, v[o.value])
		case asMillis:
			dst = appendMillis(dst, v[o.value])
		case asMillionths:
			dst = appendMillionths(dst, v[o.value])
		case asClient:
			dst = appendClient(dst, address, t.v6)
		case asServer:
			dst = appendServer(dst, uint32(r>>20)&0xfff, t.v6)
		}
	}
	return dst, [2]uint64{v[uniq], v[server+uniq]}
}

// drawTCP replaces a real row's values with random ones that agree with each other: events
// lie within the duration, rtt_min <= rtt_avg <= rtt_max, pkts_data <= pkts_all,
// ack_cnt <= pkts_all, and bytes_all = bytes_uniq + bytes_retx.
func (m *Maker) drawTCP(v *[nValues]uint64, r uint32, end uint64) {
	f := factor(r)
	if r>>24 < 3 { // about one row in a hundred has the duration 0
		f = 0
	}
	big := m.drawLarge()
	r2 := m.rng.Uint64()
	for side := range 2 {
		w := v[side*server : side*server+server]
		m.drawCounts(w, uint32(r2>>(32*side)), big == side)
		g := factor(uint32(r2>>(32*side)) >> 8)
		w[rttMin] = scale(w[rttMin], g) / 1000 * 1000 // whole microseconds, as measured
		w[rttMax] = scale(w[rttMax], g) / 1000 * 1000
		w[rttAvg] = min(max(scale(w[rttAvg], g), w[rttMin]), w[rttMax])
		w[rttStd] = scale(w[rttStd], g)
	}
	if big >= 0 {
		f = m.largeStretch(v[big*server+uniq], v[durat])
		back := v[(1-big)*server : (1-big)*server+server] // the other side acknowledges every second packet
		back[pktsAll] = max(back[pktsAll], v[big*server+pktsData]/2+back[pktsData])
		back[acks] = back[pktsAll]
	}
	for _, i := range []int{durat, offFirst, offLast, offAck, server + offFirst, server + offLast, server + offAck} {
		v[i] = scale(v[i], f)
	}
	v[first], v[last] = end-v[durat], end
	v[relFirst], v[relLast] = v[first]-min(v[first], m.start), v[last]-min(v[first], m.start)
	v[reqTime], v[resTime] = v[first]-50_000, v[first]-49_000+uint64(r>>8)%900
}

// drawCounts draws the packet and byte counters of one direction of a TCP row.
func (m *Maker) drawCounts(w []uint64, r uint32, large bool) {
	control, unacked := w[pktsAll]-min(w[pktsAll], w[pktsData]), w[pktsAll]-min(w[pktsAll], w[acks])
	data := w[pktsData] - min(w[pktsData], w[pktsRetx])
	if h := uint64(1) << (r & 3); w[uniq] > 0 && w[uniq]*h < LargeBytes {
		data *= h
		w[uniq] = w[uniq]*h - uint64(r>>8)%max(w[uniq]/8, 1)
	}
	if large {
		w[uniq] = m.largeBytes()
		data = w[uniq]/1448 + 1
	}
	if w[pktsRetx] == 0 && data > 0 && r>>27 == 0 { // one direction in 32
		w[pktsRetx] = 1 + uint64(r>>8)%(data/64+1)
		w[bytesRetx] = min(w[pktsRetx]*1448, w[uniq])
		w[pktsRTO] = w[pktsRetx] / 4
		w[pktsFS] = w[pktsRetx] - w[pktsRTO]
	}
	w[pktsData] = data + w[pktsRetx]
	w[bytesAll] = w[uniq] + w[bytesRetx]
	w[pktsAll] = w[pktsData] + control
	w[acks] = w[pktsAll] - unacked
}

// drawUDP is drawTCP for a UDP row.
func (m *Maker) drawUDP(v *[nValues]uint64, r uint32, end uint64) {
	big := m.drawLarge()
	f := factor(r)
	for side := range 2 {
		w := v[side*server : side*server+server]
		switch {
		case big == side:
			w[uniq] = m.largeBytes()
			w[pktsAll] = w[uniq]/1400 + 1
			w[durUDP] = w[uniq] / (8 + uint64(r>>8)%128) // microseconds at 64 Mbit/s to 1 Gbit/s
			w[absUDP] = 1
		case w[pktsAll] > 1:
			h := uint64(1) << (r >> (8 + 2*side) & 3)
			w[pktsAll] *= h
			w[uniq] *= h
			w[durUDP] = scale(w[durUDP], f)
		default:
			w[uniq] += w[uniq] * uint64(r>>12&0xff) >> 8
		}
	}
	began := end - max(v[durUDP], v[server+durUDP]) - 1000
	v[absUDP] = began
	if v[server+absUDP] != 0 {
		v[server+absUDP] = began + 30 + uint64(r>>8)%900
	}
}

// drawLarge returns the side with a large flow (0: client), or -1 if there is none.
func (m *Maker) drawLarge() int {
	if m.large == 0 {
		return -1
	}
	r := m.rng.Uint64()
	if fraction(r) >= m.large {
		return -1
	}
	return int(r & 1)
}

// fraction returns random bits as a number in [0, 1).
func fraction(r uint64) float64 { return float64(r>>11) / (1 << 53) }

// largeBytes returns a random size from LargeBytes to 128 times as much. Small sizes are more
// frequent.
func (m *Maker) largeBytes() uint64 {
	r := m.rng.Uint64()
	n := uint64(LargeBytes) << ((r & 7) * (r >> 3 & 7) / 8)
	return n + scale(n, r>>48)
}

// largeStretch returns the factor, in 65536ths, that makes a duration of us microseconds long
// enough for n bytes.
func (m *Maker) largeStretch(n, us uint64) uint64 {
	want := n / (8 + m.rng.Uint64()%1024) // microseconds at 64 Mbit/s to 8 Gbit/s
	return max(want, us) << 16 / max(us, 1)
}

// stretch holds factors for times, in 65536ths, from a half to 64, in a geometric sequence.
// The real rows are from two hosts side by side, and other networks have longer round trips.
var stretch = func() (f [256]uint64) {
	for i := range f {
		f[i] = uint64(math.Exp2(16 - 1 + 7*float64(i)/256))
	}
	return f
}()

func factor(r uint32) uint64 { return stretch[r&0xff] }

// scale returns v times f 65536ths.
func scale(v, f uint64) uint64 { return v * f >> 16 }
