package message_test

import (
	"fmt"
	"slices"

	"github.com/goccy/go-json"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
)

// A row becomes a flow in each direction that reaches the threshold.
func Example() {
	header := "#c_ip:1 c_port:2 c_first_abs:3 c_durat:4 c_bytes_all:5 c_pkts_all:6 s_ip:7 s_port:8 s_first_abs:9 s_durat:10 s_bytes_all:11 s_pkts_all:12"
	row := "10.0.0.1 40001 1795379200707.312012 2.250000 90 3 10.0.0.3 443 1795379200708.5 2.000000 2500 5\n"

	layout, err := fastparse.ParseHeader(fastparse.UDP, []byte(header))
	if err != nil {
		fmt.Println(err)
		return
	}
	encoder := message.NewEncoder(message.Settings{Sensor: "sensor.example.net"})
	var scanner fastparse.Scanner
	const threshold = 1000 // bytes
	scanner.Reset(slices.Grow([]byte(row), fastparse.Padding), layout, threshold)
	for scanner.Next() == fastparse.Row {
		flows, n, reason := encoder.Row(nil, &scanner)
		if n == 0 {
			fmt.Println("malformed:", reason)
			continue
		}
		var flow message.Flow
		if err := json.Unmarshal(flows[1:], &flow); err != nil { // after the comma
			fmt.Println(err)
			return
		}
		fmt.Println(n, flow.Meta.SrcIP, flow.Meta.DstIP, flow.Values.NumBits, flow.Values.BitsPerSecond, flow.End)
	}
	// Output:
	// 1 10.0.0.3 10.0.0.1 20000 10000.0 1795379202
}
