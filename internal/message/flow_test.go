package message

import (
	"testing"

	"github.com/goccy/go-json"
	"github.com/google/go-cmp/cmp"
)

const udpFlow = `{"type":"flow","interval":600,"values":{"duration":0.0,"num_bits":272,"num_packets":1,` +
	`"bits_per_second":0,"packets_per_second":0},"meta":{"src_ip":"10.77.0.2","src_port":49931,` +
	`"dst_ip":"10.77.0.1","dst_port":53,"protocol":"udp","sensor_id":"s","instance_id":0,"flow_type":"tstat"},` +
	`"start":1795379201,"end":1795379201}`

const tcpFlow = `{"type":"flow","interval":600,"values":{"duration":1.25,"num_bits":18446744073709551608,"num_packets":null,` +
	`"bits_per_second":25000000000000000000.0,"packets_per_second":null,` +
	`"tcp_rexmit_bytes":1,"tcp_rexmit_pkts":2,"tcp_rexmit_rate":0.00001,"tcp_syn_cnt":3,` +
	`"tcp_rtt_avg":0.125,"tcp_rtt_min":null,"tcp_rtt_max":null,"tcp_rtt_std":null,` +
	`"tcp_pkts_rto":4,"tcp_pkts_fs":5,"tcp_pkts_reor":6,"tcp_pkts_dup":7,"tcp_pkts_unk":8,"tcp_pkts_fc":9,` +
	`"tcp_pkts_unrto":10,"tcp_pkts_unfs":11,"tcp_cwin_min":12,"tcp_cwin_max":13,"tcp_out_seq_pkts":14,` +
	`"tcp_window_scale":15,"tcp_mss":16,"tcp_max_seg_size":17,"tcp_min_seg_size":18,"tcp_win_max":19,` +
	`"tcp_win_min":20,"tcp_initial_cwin":21,"tcp_sack_cnt":22},"meta":{"src_ip":"fd77::1","src_port":80,` +
	`"dst_ip":"fd77::c0c","dst_port":54592,"protocol":"tcp","sensor_id":"s","instance_id":"0","flow_type":"tstat"},` +
	`"start":0,"end":-1}`

// Reading and writing a flow keeps every key, the order of keys, and every digit.
func TestFlowKeepsKeysAndDigits(t *testing.T) {
	for _, want := range []string{udpFlow, tcpFlow} {
		var flow Flow
		if err := json.Unmarshal([]byte(want), &flow); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(flow)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFlowRefusesOtherTypes(t *testing.T) {
	for _, text := range []string{`{"start":"1"}`, `{"start":[1]}`, `{"meta":{"instance_id":1}}`, `{"meta":{"instance_id":{}}}`} {
		var flow Flow
		if err := json.Unmarshal([]byte(text), &flow); err == nil {
			t.Errorf("%s: no error, got %+v", text, flow)
		}
	}
}
