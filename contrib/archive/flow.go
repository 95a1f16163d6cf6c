package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-json"
)

// flow is a row of the table flows.
type flow struct {
	digest uint64 // first eight bytes of the SHA-256 of the flow's JSON
	start  time.Time
	row    []any // values in the order of columns
}

// value is a key of a flow's values, and the column of the same name.
type value struct {
	name     string
	decimal  bool // the column is double precision, not bigint
	nullable bool
}

// values are the keys of a flow's values. UDP flows have only those before tcpValues.
var values = [...]value{
	{name: "duration", decimal: true},
	{name: "num_bits"},
	{name: "num_packets", nullable: true},
	{name: "bits_per_second", decimal: true},
	{name: "packets_per_second", decimal: true, nullable: true},
	{name: "tcp_rexmit_bytes", nullable: true},
	{name: "tcp_rexmit_pkts", nullable: true},
	{name: "tcp_rexmit_rate", decimal: true, nullable: true},
	{name: "tcp_syn_cnt", nullable: true},
	{name: "tcp_rtt_avg", decimal: true, nullable: true},
	{name: "tcp_rtt_min", decimal: true, nullable: true},
	{name: "tcp_rtt_max", decimal: true, nullable: true},
	{name: "tcp_rtt_std", decimal: true, nullable: true},
	{name: "tcp_pkts_rto", nullable: true},
	{name: "tcp_pkts_fs", nullable: true},
	{name: "tcp_pkts_reor", nullable: true},
	{name: "tcp_pkts_dup", nullable: true},
	{name: "tcp_pkts_unk", nullable: true},
	{name: "tcp_pkts_fc", nullable: true},
	{name: "tcp_pkts_unrto", nullable: true},
	{name: "tcp_pkts_unfs", nullable: true},
	{name: "tcp_cwin_min", nullable: true},
	{name: "tcp_cwin_max", nullable: true},
	{name: "tcp_out_seq_pkts", nullable: true},
	{name: "tcp_window_scale", nullable: true},
	{name: "tcp_mss", nullable: true},
	{name: "tcp_max_seg_size", nullable: true},
	{name: "tcp_min_seg_size", nullable: true},
	{name: "tcp_win_max", nullable: true},
	{name: "tcp_win_min", nullable: true},
	{name: "tcp_initial_cwin", nullable: true},
	{name: "tcp_sack_cnt", nullable: true},
}

const tcpValues = 5

// indexOfValue holds the index in values of each key.
var indexOfValue = func() map[string]int {
	indices := map[string]int{}
	for i, v := range values {
		indices[v.name] = i
	}
	return indices
}()

// columns are the columns of the table flows, in the order of flow.row.
var columns = func() []string {
	c := []string{"sensor_id", "instance_id", "protocol", "src_ip", "src_port", "dst_ip", "dst_port", "started", "ended"}
	for _, v := range values {
		c = append(c, v.name)
	}
	return c
}()

// record is a flow's JSON. A pointer is nil if the key is missing.
type record struct {
	Type     string          `json:"type"`
	Interval int             `json:"interval"`
	Values   json.RawMessage `json:"values"`
	Meta     struct {
		SrcIP      *netip.Addr `json:"src_ip"`
		SrcPort    *int32      `json:"src_port"`
		DstIP      *netip.Addr `json:"dst_ip"`
		DstPort    *int32      `json:"dst_port"`
		Protocol   string      `json:"protocol"`
		SensorID   *string     `json:"sensor_id"`
		InstanceID any         `json:"instance_id"`
		FlowType   string      `json:"flow_type"`
	} `json:"meta"`
	Start *int64 `json:"start"`
	End   *int64 `json:"end"`
}

// maxSeconds tells seconds from milliseconds: it is the year 5138 in seconds, and 1973 in
// milliseconds.
const maxSeconds = 100_000_000_000

// parseFlow parses a flow. It fails if the flow does not fit docs/message.schema.json or the
// columns.
func parseFlow(text []byte) (flow, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return flow{}, err
	}
	m := &r.Meta
	switch {
	case r.Type != "flow" || r.Interval != 600 || m.FlowType != "tstat":
		return flow{}, errors.New("type, interval or flow_type is not that of a flow of Tstat")
	case m.SrcIP == nil || m.SrcPort == nil || m.DstIP == nil || m.DstPort == nil || m.SensorID == nil:
		return flow{}, errors.New("a key of meta is missing")
	case *m.SrcPort < 0 || *m.DstPort < 0:
		return flow{}, errors.New("a port is negative")
	case strings.ContainsRune(*m.SensorID, 0):
		return flow{}, errors.New("sensor_id holds a zero byte, which PostgreSQL cannot store")
	case r.Start == nil || r.End == nil || *r.Start < 0 || *r.End < 0:
		return flow{}, errors.New("start or end is missing or negative")
	case *r.Start >= maxSeconds || *r.End >= maxSeconds:
		return flow{}, errors.New("start or end is not in seconds: run tstat_send without --timestamps ms")
	}
	instance, err := instanceID(m.InstanceID)
	if err != nil {
		return flow{}, err
	}
	start := time.Unix(*r.Start, 0).UTC()
	row := make([]any, 0, len(columns))
	row = append(row, *m.SensorID, instance, m.Protocol, *m.SrcIP, *m.SrcPort, *m.DstIP, *m.DstPort, start, time.Unix(*r.End, 0).UTC())
	row, err = appendValues(row, m.Protocol, r.Values)
	if err != nil {
		return flow{}, err
	}
	sum := sha256.Sum256(text)
	return flow{digest: binary.BigEndian.Uint64(sum[:]), start: start, row: row}, nil
}

// instanceID returns the instance id, or nil for the number 0, which means that there is none.
func instanceID(v any) (any, error) {
	switch id := v.(type) {
	case string:
		if !strings.ContainsRune(id, 0) {
			return id, nil
		}
	case json.Number:
		if id == "0" {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("instance_id is %v, neither 0 nor a string that PostgreSQL can store", v)
}

// appendValues appends the columns from duration on.
func appendValues(row []any, protocol string, object []byte) ([]any, error) {
	wanted := values[:]
	switch protocol {
	case "tcp":
	case "udp":
		wanted = values[:tcpValues]
	default:
		return nil, fmt.Errorf("protocol is %q, neither tcp nor udp", protocol)
	}
	row = row[:len(columns)] // the values that are not set below are nil
	own := row[len(columns)-len(values):]
	var have [len(values)]bool
	for key, text := range members(object) {
		i, ok := indexOfValue[string(key)]
		if !ok || i >= len(wanted) || have[i] {
			return nil, fmt.Errorf("%.100q is no value of a %s flow, or stands there twice", key, protocol)
		}
		var err error
		if own[i], err = wanted[i].parse(text); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		have[i] = true
	}
	for i, v := range wanted {
		if !have[i] {
			return nil, fmt.Errorf("%s is missing", v.name)
		}
	}
	return row, nil
}

// members yields the keys and values of a JSON object of numbers. Decoding into a map would
// take as long as everything else that is done with a flow.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, text []byte) bool) {
		inner := bytes.TrimSuffix(bytes.TrimPrefix(bytes.TrimSpace(object), []byte("{")), []byte("}"))
		for len(inner) > 0 {
			var member []byte
			member, inner, _ = bytes.Cut(inner, []byte(","))
			key, text, _ := bytes.Cut(member, []byte(":"))
			key = bytes.TrimSpace(key)
			if n := len(key); n > 1 && key[0] == '"' && key[n-1] == '"' {
				key = key[1 : n-1]
			}
			if !yield(key, bytes.TrimSpace(text)) {
				return
			}
		}
	}
}

// parse returns an int64, a float64 or nil.
func (v value) parse(text []byte) (any, error) {
	if v.nullable && string(text) == "null" {
		return nil, nil
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (!v.decimal || !strings.ContainsRune(".eE+-", rune(c))) {
			return nil, fmt.Errorf("%.100q is not a number, or negative, or has decimals", text)
		}
	}
	if !v.decimal {
		return strconv.ParseInt(string(text), 10, 64)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err == nil && f < 0 {
		err = fmt.Errorf("%s is negative", text)
	}
	return f, err
}
