package message

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-json"
)

// Flow is one direction of one row of a Tstat log, as it is sent. Its fields are in
// the order in which their keys are written.
//
// A column name without prefix, such as bytes_retx, means the c_ column in a flow
// from client to server, and the s_ column in a flow from server to client. The zero
// value of a [Number] is written as null: the log lacks the column, or Tstat
// computed a statistic as nan or inf.
type Flow struct {
	// Type is always "flow".
	Type string `json:"type"`
	// Interval is always 600 (s).
	Interval int `json:"interval"`
	// Values are the measurements.
	Values Values `json:"values"`
	// Meta says who talked to whom and who measured it.
	Meta Meta `json:"meta"`
	// Start is a whole number of seconds since the epoch, or of milliseconds if
	// the run is set so, truncated. TCP: first, or first_abs if the log has that
	// column. UDP: first_abs of the direction.
	Start Number `json:"start"`
	// End is in Start's unit, truncated. TCP: last, or first_abs + (last - first)
	// if the log has first_abs. UDP: Start plus the duration.
	End Number `json:"end"`
}

// Values are the measurements of a flow. Those from TCPValues are absent from
// a UDP flow.
type Values struct {
	// Duration is durat in seconds, with up to two decimals. In the log, durat is
	// in ms for TCP, and in s for UDP. A UDP log has a durat for each direction.
	Duration Number `json:"duration"`
	// NumBits is eight times bytes_uniq (TCP) or bytes_all (UDP).
	NumBits Number `json:"num_bits"`
	// NumPackets is pkts_data (TCP) or pkts_all (UDP).
	NumPackets Number `json:"num_packets"`
	// BitsPerSecond is NumBits over durat rounded to microseconds, with up to two
	// decimals; 0 if that time is 0. Duration may be 0.0 where that time is not 0.
	BitsPerSecond Number `json:"bits_per_second"`
	// PacketsPerSecond is NumPackets over the same time as BitsPerSecond, with up to
	// two decimals; 0 if that time is 0.
	PacketsPerSecond Number `json:"packets_per_second"`

	// TCPValues is nil in a UDP flow.
	*TCPValues
}

// TCPValues are the measurements that only a TCP flow has.
type TCPValues struct {
	// RexmitBytes is bytes_retx.
	RexmitBytes Number `json:"tcp_rexmit_bytes"`
	// RexmitPkts is pkts_retx.
	RexmitPkts Number `json:"tcp_rexmit_pkts"`
	// RexmitRate is pkts_retx over NumPackets, not rounded; 0 where either
	// is 0.
	RexmitRate Number `json:"tcp_rexmit_rate"`
	// SynCnt is syn_cnt.
	SynCnt Number `json:"tcp_syn_cnt"`
	// RTTAvg is rtt_avg: ms, up to three decimals.
	RTTAvg Number `json:"tcp_rtt_avg"`
	// RTTMin is rtt_min: ms, up to three decimals.
	RTTMin Number `json:"tcp_rtt_min"`
	// RTTMax is rtt_max: ms, up to three decimals.
	RTTMax Number `json:"tcp_rtt_max"`
	// RTTStd is rtt_std: ms, up to three decimals.
	RTTStd Number `json:"tcp_rtt_std"`
	// PktsRTO is pkts_rto.
	PktsRTO Number `json:"tcp_pkts_rto"`
	// PktsFS is pkts_fs.
	PktsFS Number `json:"tcp_pkts_fs"`
	// PktsReor is pkts_reor.
	PktsReor Number `json:"tcp_pkts_reor"`
	// PktsDup is pkts_dup.
	PktsDup Number `json:"tcp_pkts_dup"`
	// PktsUnk is pkts_unk.
	PktsUnk Number `json:"tcp_pkts_unk"`
	// PktsFC is pkts_fc.
	PktsFC Number `json:"tcp_pkts_fc"`
	// PktsUnRTO is pkts_unrto.
	PktsUnRTO Number `json:"tcp_pkts_unrto"`
	// PktsUnFS is pkts_unfs.
	PktsUnFS Number `json:"tcp_pkts_unfs"`
	// CwinMin is cwin_min (bytes).
	CwinMin Number `json:"tcp_cwin_min"`
	// CwinMax is cwin_max (bytes).
	CwinMax Number `json:"tcp_cwin_max"`
	// OutSeqPkts is pkts_ooo.
	OutSeqPkts Number `json:"tcp_out_seq_pkts"`
	// WindowScale is win_scl (a shift count).
	WindowScale Number `json:"tcp_window_scale"`
	// MSS is the smaller of c_mss and s_mss (bytes).
	MSS Number `json:"tcp_mss"`
	// MaxSegSize is mss_max (bytes).
	MaxSegSize Number `json:"tcp_max_seg_size"`
	// MinSegSize is mss_min (bytes).
	MinSegSize Number `json:"tcp_min_seg_size"`
	// WinMax is cwin_max (bytes), as the Python tool sent it, and not win_max.
	WinMax Number `json:"tcp_win_max"`
	// WinMin is cwin_min (bytes), as the Python tool sent it, and not win_min.
	WinMin Number `json:"tcp_win_min"`
	// InitialCwin is cwin_ini (bytes).
	InitialCwin Number `json:"tcp_initial_cwin"`
	// SackCnt is the larger of c_sack_cnt and s_sack_cnt.
	SackCnt Number `json:"tcp_sack_cnt"`
}

// Meta says who talked to whom and who measured it.
type Meta struct {
	// SrcIP is the address of the sending side, as Tstat wrote it, or its
	// replacement.
	SrcIP string `json:"src_ip"`
	// SrcPort is the port of the sending side.
	SrcPort Number `json:"src_port"`
	// DstIP is the address of the receiving side, as Tstat wrote it, or its
	// replacement.
	DstIP string `json:"dst_ip"`
	// DstPort is the port of the receiving side.
	DstPort Number `json:"dst_port"`
	// Protocol is "tcp" or "udp".
	Protocol string `json:"protocol"`
	// SensorID names the sensor; by default its host name.
	SensorID string `json:"sensor_id"`
	// InstanceID names the instance of Tstat on the sensor.
	InstanceID InstanceID `json:"instance_id"`
	// FlowType is always "tstat".
	FlowType string `json:"flow_type"`
}

// Number is the text of a JSON number: decimal digits, perhaps with a fraction,
// never with an exponent. The empty Number is null.
type Number string

// MarshalJSON returns the text itself, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	return []byte(n), nil
}

// UnmarshalJSON keeps the text of a JSON number; null makes n empty.
func (n *Number) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		*n = ""
		return nil
	}
	if len(text) == 0 || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return fmt.Errorf("read %q: want a JSON number or null", text)
	}
	*n = Number(text)
	return nil
}

// InstanceID is the name of an instance of Tstat, a JSON string. An instance without
// a name is the number 0.
type InstanceID struct {
	// Name is the name of the instance.
	Name string
	// Given reports whether the instance has a name.
	Given bool
}

// MarshalJSON returns the name as a JSON string, or 0.
func (i InstanceID) MarshalJSON() ([]byte, error) {
	if !i.Given {
		return []byte("0"), nil
	}
	return json.Marshal(i.Name)
}

// UnmarshalJSON reads a JSON string or the number 0.
func (i *InstanceID) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("0")) {
		*i = InstanceID{}
		return nil
	}
	i.Given = true
	if err := json.Unmarshal(text, &i.Name); err != nil {
		return fmt.Errorf("read instance id %s: want a JSON string or 0: %w", text, err)
	}
	return nil
}
