package message

import "tstat-transport/internal/fastparse"

// The computed values of a flow, as indices in fastparse.Renderer.Values.
const (
	nothing = iota
	duration
	numBits
	bitRate
	packetRate
	rexmitRate
	mss
	sackCnt
	start
	end
	clientIP // if addresses are replaced
	serverIP
	computedValues
)

// compute computes the values of a flow. For the first flow of a row it also
// computes what both flows have in common. It returns the malformed column, or -1.
func (e *Encoder) compute(t *template, bits uint64, first bool) (bad int) {
	if first {
		if bad := e.chooseMinMax(t); bad >= 0 {
			return bad
		}
		if bad := e.replaceAddresses(); bad >= 0 {
			return bad
		}
	}
	if first || e.layout.Protocol == fastparse.UDP { // both flows of a TCP row have the same times
		if bad := e.times(t); bad >= 0 {
			return bad
		}
	}
	v := e.row.Values
	v[numBits].SetUint(bits)
	v[bitRate].SetRate(bits, e.seconds)
	if t.packets >= 0 {
		packets, finite, ok := e.statistic(t.packets)
		if !ok {
			return t.packets
		}
		if finite {
			v[packetRate].SetRate(packets, e.seconds)
		} else {
			v[packetRate].SetNull()
		}
		if t.rexmits >= 0 {
			rexmits, finite2, ok := e.statistic(t.rexmits)
			if !ok {
				return t.rexmits
			}
			if finite && finite2 {
				v[rexmitRate].SetQuotient(rexmits, packets)
			} else {
				v[rexmitRate].SetNull()
			}
		}
	}
	return -1
}

// chooseMinMax chooses the smaller or larger of two columns, for the values that
// both flows of a row share. It returns the malformed column, or -1.
func (e *Encoder) chooseMinMax(t *template) (bad int) {
	for _, c := range t.minMax {
		a, finite, ok := e.statistic(c.columns[0])
		if !ok {
			return c.columns[0]
		}
		b, finite2, ok := e.statistic(c.columns[1])
		if !ok {
			return c.columns[1]
		}
		column := c.columns[0] // a column with nan or inf is chosen first; it is written as null
		if finite && (!finite2 || (b < a) == (c.value == mss)) {
			column = c.columns[1]
		}
		e.row.Values[c.value].SetColumn(column)
	}
	return -1
}

// replaceAddresses computes what is written instead of the addresses of the row.
// It returns the malformed column, or -1.
func (e *Encoder) replaceAddresses() (bad int) {
	if e.addresses == nil {
		return -1
	}
	for i, column := range e.ips {
		v := &e.row.Values[clientIP+i]
		n := e.addresses.Map(v.Room(), e.text(column))
		if n == 0 {
			return column
		}
		v.SetText(n)
	}
	return -1
}
