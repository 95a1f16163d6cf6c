package message

import "tstat-transport/internal/fastparse"

// The computed values of a flow, as indices in fastparse.Renderer.Values.
const (
	nothing = iota // the empty text
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

// The functions below compute values. Each returns the column that is malformed, or -1.

// computeShared computes the values that are the same in both flows of a row. t is the
// template of either flow.
func (e *Encoder) computeShared(t *template) (bad int) {
	if bad := e.chooseMinMax(t); bad >= 0 {
		return bad
	}
	if bad := e.replaceAddresses(); bad >= 0 {
		return bad
	}
	if e.layout.Protocol == fastparse.TCP {
		return e.times(t)
	}
	return -1
}

// compute computes the other values of a flow. In a UDP row each direction has times of
// its own.
func (e *Encoder) compute(t *template, bits uint64) (bad int) {
	if e.layout.Protocol == fastparse.UDP {
		if bad := e.times(t); bad >= 0 {
			return bad
		}
	}
	e.row.Values[numBits].SetUint(bits)
	e.row.Values[bitRate].SetRate(bits, e.seconds)
	if t.packets < 0 {
		return -1
	}
	packets, packetsFinite, ok := e.statistic(t.packets)
	if !ok {
		return t.packets
	}
	if packetsFinite {
		e.row.Values[packetRate].SetRate(packets, e.seconds)
	} else {
		e.row.Values[packetRate].SetNull()
	}
	if t.rexmits < 0 {
		return -1
	}
	rexmits, rexmitsFinite, ok := e.statistic(t.rexmits)
	if !ok {
		return t.rexmits
	}
	if packetsFinite && rexmitsFinite {
		e.row.Values[rexmitRate].SetQuotient(rexmits, packets)
	} else {
		e.row.Values[rexmitRate].SetNull()
	}
	return -1
}

// chooseMinMax chooses the smaller or larger of two columns. A column that is nan or inf
// is chosen before any other, so that the value is null.
func (e *Encoder) chooseMinMax(t *template) (bad int) {
	for _, c := range t.minMax {
		a, aFinite, ok := e.statistic(c.columns[0])
		if !ok {
			return c.columns[0]
		}
		b, bFinite, ok := e.statistic(c.columns[1])
		if !ok {
			return c.columns[1]
		}
		column := c.columns[0]
		better := b < a
		if c.value == sackCnt {
			better = b > a
		}
		if aFinite && (better || !bFinite) {
			column = c.columns[1]
		}
		e.row.Values[c.value].SetColumn(column)
	}
	return -1
}

// replaceAddresses computes the replacements of the row's addresses, if addresses are
// replaced.
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
