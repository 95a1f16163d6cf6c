package loggen

import "strings"

// The indexes of the values of each direction. The values of the client come first:
// server + x is the server's x.
const (
	pktsAll = iota // counts
	acks
	uniq // bytes without retransmissions; in a UDP row all bytes
	pktsData
	bytesAll
	pktsRetx
	bytesRetx
	pktsRTO
	pktsFS
	pktsUnk
	rttAvg // millionths of a millisecond
	rttMin
	rttMax
	rttStd
	offFirst // microseconds since the row's first
	offLast
	offAck
	durUDP // microseconds
	absUDP // microseconds since the epoch; 0 if the direction has no packets
	server // the number of values of a direction
)

// The values that do not belong to a direction.
const (
	first = 2*server + iota // microseconds since the epoch
	last
	durat    // microseconds
	relFirst // microseconds since the capture's start, for 2.4
	relLast
	reqTime // microseconds since the epoch: the DNS request for the server's name
	resTime
	clientPort
	nValues
)

// form is how a value is printed.
type form uint8

const (
	asCount      form = iota
	asEpoch           // microseconds since the epoch, printed as milliseconds
	asMillis          // microseconds, printed as milliseconds
	asMillionths      // millionths, printed as a number with six decimals
	asClient          // the client's address
	asServer
	asNothing // no value: the end of a row
)

// drawn is a column with a random value.
type drawn struct {
	value int
	form  form
}

var tcpDrawn, udpDrawn = func() (tcp, udp map[string]drawn) {
	tcp = map[string]drawn{
		"c_ip": {0, asClient}, "c_port": {clientPort, asCount}, "s_ip": {0, asServer},
		"first": {first, asEpoch}, "last": {last, asEpoch}, "durat": {durat, asMillis},
		"req_tm": {reqTime, asEpoch}, "res_tm": {resTime, asEpoch},
	}
	udp = map[string]drawn{
		"c_ip": {0, asClient}, "c_port": {clientPort, asCount}, "s_ip": {0, asServer},
	}
	for side, prefix := range []string{"c_", "s_"} {
		at := side * server
		for name, v := range map[string]int{
			"pkts_all": pktsAll, "ack_cnt": acks, "bytes_uniq": uniq, "pkts_data": pktsData, "bytes_all": bytesAll,
			"pkts_retx": pktsRetx, "bytes_retx": bytesRetx, "pkts_rto": pktsRTO, "pkts_fs": pktsFS, "pkts_unk": pktsUnk,
		} {
			tcp[prefix+name] = drawn{at + v, asCount}
		}
		for name, v := range map[string]int{"rtt_avg": rttAvg, "rtt_min": rttMin, "rtt_max": rttMax, "rtt_std": rttStd} {
			tcp[prefix+name] = drawn{at + v, asMillionths}
		}
		for name, v := range map[string]int{"first": offFirst, "last": offLast, "first_ack": offAck} {
			tcp[prefix+name] = drawn{at + v, asMillis}
		}
		udp[prefix+"pkts_all"] = drawn{at + pktsAll, asCount}
		udp[prefix+"bytes_all"] = drawn{at + uniq, asCount}
		udp[prefix+"durat"] = drawn{at + durUDP, asMillionths}
		udp[prefix+"first_abs"] = drawn{at + absUDP, asEpoch}
	}
	return tcp, udp
}()

// A template is a real row: its values, and for each layout the text between the values.
type template struct {
	v6   bool
	base [nValues]uint64
	ops  [][]op // by layout
}

// An op appends literal text, then a value.
type op struct {
	literal string
	drawn
}

// A layout is a header and its columns.
type layout struct {
	header  string // with its newline
	columns []string
}

// templates makes a template of each sample row, for these layouts.
func templates(p Proto, version string, layouts []layout) []template {
	rows := samples(p, version)
	ts := make([]template, len(rows))
	for i, row := range rows {
		t := &ts[i]
		t.v6 = strings.Contains(row["c_ip"], ":")
		byName := tcpDrawn
		if p == UDP {
			byName = udpDrawn
		}
		for name, d := range byName {
			switch text := row[name]; d.form {
			case asCount:
				t.base[d.value] = number(text)
			case asMillis:
				t.base[d.value] = millionths(text) / 1000
			case asMillionths:
				t.base[d.value] = millionths(text)
			case asEpoch: // only whether the row has this time matters
				if text != "0.0" && text != "0.000000" {
					t.base[d.value] = 1
				}
			}
		}
		for _, l := range layouts {
			t.ops = append(t.ops, compile(p, version, l.columns, row, byName))
		}
	}
	return ts
}

// compile returns the ops that print a row with these columns.
func compile(p Proto, version string, columns []string, row map[string]string, byName map[string]drawn) []op {
	var ops []op
	var literal strings.Builder
	for i, name := range columns {
		if i > 0 {
			literal.WriteByte(' ')
		}
		text, inSample := row[name]
		d, isDrawn := byName[name]
		if isDrawn && text == "0.0" { // Tstat saw no DNS request
			isDrawn = false
		}
		if p == TCP && version == "2.4" {
			switch name {
			case "first_abs":
				d, isDrawn = drawn{first, asEpoch}, true
			case "first":
				d = drawn{relFirst, asMillis}
			case "last":
				d = drawn{relLast, asMillis}
			}
		}
		switch {
		case isDrawn:
			ops = append(ops, op{literal.String(), d})
			literal.Reset()
		case inSample:
			literal.WriteString(text)
		case name == "c_tls_sesid":
			literal.WriteByte('0')
		default: // a column that 3.2.1 no longer writes
			literal.WriteByte('-')
		}
	}
	literal.WriteByte('\n')
	return append(ops, op{literal.String(), drawn{0, asNothing}})
}
