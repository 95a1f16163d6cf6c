package reference

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"tstat-transport/internal/message"
)

// maker makes flows of rows.
type maker struct {
	protocol  Protocol
	settings  Settings
	threshold *big.Rat       // bits
	columns   map[string]int // of the header in force
}

func newMaker(protocol Protocol, settings Settings) (*maker, error) {
	if required[protocol] == nil {
		return nil, fmt.Errorf("protocol %q: want tcp or udp", protocol)
	}
	for name, unit := range map[string]string{"timestamps": settings.Timestamps, "udp-duration": settings.UDPDuration} {
		if !slices.Contains([]string{"", "s", "ms"}, unit) {
			return nil, fmt.Errorf("%s %q: want s or ms", name, unit)
		}
	}
	threshold := new(big.Rat)
	if settings.Threshold != "" {
		if !decimal.MatchString(settings.Threshold) {
			return nil, fmt.Errorf("threshold %q: want megabytes in decimal digits", settings.Threshold)
		}
		threshold.SetString(settings.Threshold)
		threshold.Mul(threshold, big.NewRat(8_000_000, 1))
	}
	return &maker{protocol: protocol, settings: settings, threshold: threshold}, nil
}

// flows returns a row's flows and the number of their statistics that are nan or inf. A row
// below the threshold in both directions has no flows. The error is the reason why a row is
// malformed.
func (m *maker) flows(line string) ([]message.Flow, int, error) {
	if strings.HasPrefix(line, "#") {
		return nil, 0, fmt.Errorf("starts with # but is not a header")
	}
	r := &row{fields: strings.Split(strings.TrimSuffix(line, "\r"), " "), columns: m.columns}
	bytes := "bytes_uniq"
	if m.protocol == UDP {
		bytes = "bytes_all"
	}
	bits := map[string]*big.Int{"c_": r.bits("c_" + bytes), "s_": r.bits("s_" + bytes)}
	if r.err != nil {
		return nil, 0, r.err
	}
	var flows []message.Flow
	for _, side := range []struct{ own, other string }{{"c_", "s_"}, {"s_", "c_"}} {
		num := bits[side.own]
		if new(big.Rat).SetInt(num).Cmp(m.threshold) < 0 {
			continue
		}
		flow := message.Flow{Type: "flow", Interval: 600, Meta: message.Meta{
			SrcIP:      r.address(side.own + "ip"),
			SrcPort:    r.port(side.own + "port"),
			DstIP:      r.address(side.other + "ip"),
			DstPort:    r.port(side.other + "port"),
			Protocol:   string(m.protocol),
			SensorID:   m.settings.Sensor,
			InstanceID: m.settings.Instance,
			FlowType:   "tstat",
		}}
		flow.Values.NumBits = message.Number(num.String())
		if m.protocol == TCP {
			m.tcp(r, side.own, &flow)
		} else {
			m.udp(r, side.own, &flow)
		}
		flows = append(flows, flow)
	}
	if r.err != nil {
		return nil, 0, r.err
	}
	return flows, r.nulls, nil
}

func (m *maker) tcp(r *row, own string, flow *message.Flow) {
	first, last := r.time("first"), r.time("last")
	if r.has("first_abs") {
		relative := new(big.Rat).Sub(last, first)
		first = r.time("first_abs")
		last = relative.Add(first, relative)
		if last.Sign() < 0 {
			last.SetInt64(0) // the epoch
		}
	}
	flow.Start, flow.End = m.stamp(first), m.stamp(last)

	v := &flow.Values
	v.NumPackets = r.counter(own + "pkts_data")
	setRates(v, r.ms("durat"))
	v.TCPValues = &message.TCPValues{
		RexmitBytes: r.counter(own + "bytes_retx"),
		RexmitPkts:  r.counter(own + "pkts_retx"),
		SynCnt:      r.counter(own + "syn_cnt"),
		RTTAvg:      r.rtt(own + "rtt_avg"),
		RTTMin:      r.rtt(own + "rtt_min"),
		RTTMax:      r.rtt(own + "rtt_max"),
		RTTStd:      r.rtt(own + "rtt_std"),
		PktsRTO:     r.counter(own + "pkts_rto"),
		PktsFS:      r.counter(own + "pkts_fs"),
		PktsReor:    r.counter(own + "pkts_reor"),
		PktsDup:     r.counter(own + "pkts_dup"),
		PktsUnk:     r.counter(own + "pkts_unk"),
		PktsFC:      r.counter(own + "pkts_fc"),
		PktsUnRTO:   r.counter(own + "pkts_unrto"),
		PktsUnFS:    r.counter(own + "pkts_unfs"),
		CwinMin:     r.counter(own + "cwin_min"),
		CwinMax:     r.counter(own + "cwin_max"),
		OutSeqPkts:  r.counter(own + "pkts_ooo"),
		WindowScale: r.counter(own + "win_scl"),
		MSS:         r.either("c_mss", "s_mss", -1),
		MaxSegSize:  r.counter(own + "mss_max"),
		MinSegSize:  r.counter(own + "mss_min"),
		WinMax:      r.counter(own + "cwin_max"),
		WinMin:      r.counter(own + "cwin_min"),
		InitialCwin: r.counter(own + "cwin_ini"),
		SackCnt:     r.either("c_sack_cnt", "s_sack_cnt", +1),
	}
	v.RexmitRate = rexmitRate(v.RexmitPkts, v.NumPackets)
}

func (m *maker) udp(r *row, own string, flow *message.Flow) {
	v := &flow.Values
	v.NumPackets = r.counter(own + "pkts_all")
	read := r.seconds
	if m.settings.UDPDuration == "ms" {
		read = r.ms
	}
	ms := read(own + "durat")
	setRates(v, ms)

	// The end is the start as it is sent plus the rounded duration, cut off.
	flow.Start = m.stamp(r.time(own + "first_abs"))
	duration := v.Duration
	if m.settings.Timestamps == "ms" {
		duration = decimalText(round(ms, 3))
	}
	flow.End = message.Number(cutOff(new(big.Rat).Add(rat(string(flow.Start)), rat(string(duration)))))
}

// stamp returns a time in ms in the unit of the messages.
func (m *maker) stamp(ms *big.Rat) message.Number {
	if m.settings.Timestamps == "ms" {
		return message.Number(cutOff(ms))
	}
	return message.Number(cutOff(new(big.Rat).Quo(ms, big.NewRat(1000, 1))))
}

// setRates sets the duration and the rates. NumBits and NumPackets must be set.
func setRates(v *message.Values, ms string) {
	seconds := round(ms, 3) / 1000
	v.Duration = decimalText(roundFloat(seconds, 2))
	v.BitsPerSecond = rate(v.NumBits, seconds)
	v.PacketsPerSecond = rate(v.NumPackets, seconds)
}

// rate returns count / seconds, as floats, rounded to two decimals.
func rate(count message.Number, seconds float64) message.Number {
	if count == "" {
		return ""
	}
	if seconds == 0 {
		return "0"
	}
	float, _ := rat(string(count)).Float64()
	return decimalText(roundFloat(float/seconds, 2))
}

// rexmitRate returns the float nearest to the quotient.
func rexmitRate(retransmitted, packets message.Number) message.Number {
	switch {
	case retransmitted == "" || packets == "":
		return ""
	case retransmitted == "0" || packets == "0":
		return "0"
	}
	quotient := new(big.Rat).Quo(rat(string(retransmitted)), rat(string(packets)))
	float, _ := quotient.Float64()
	return decimalText(float)
}
