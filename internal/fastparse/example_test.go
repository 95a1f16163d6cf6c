package fastparse_test

import (
	"fmt"
	"slices"

	"tstat-transport/internal/fastparse"
)

// Of three rows one has a byte count of at least 1000.
func Example() {
	header := "#c_ip:1 c_port:2 c_first_abs:3 c_durat:4 c_bytes_all:5 s_ip:6 s_port:7 s_first_abs:8 s_durat:9 s_bytes_all:10"
	rows := "10.0.0.1 40000 1795379200706.312012 0.5 120 10.0.0.2 53 1795379200706.5 0.2 300\n" +
		"10.0.0.1 40001 1795379200707.312012 2.25 90 10.0.0.3 443 1795379200708.5 2.0 2500\n" +
		"10.0.0.1 40002 1795379200708.312012 0.5 110 10.0.0.2 53 1795379200709.5 0.2 310\n"

	layout, err := fastparse.ParseHeader(fastparse.UDP, []byte(header))
	if err != nil {
		fmt.Println(err)
		return
	}
	const threshold = 1000 // bytes
	var scanner fastparse.Scanner
	var fields fastparse.Fields
	block := slices.Grow([]byte(rows), fastparse.Padding)
	scanner.Reset(block, layout, threshold)
	for scanner.Next() == fastparse.Row {
		scanner.Split(&fields, layout.Column("s_bytes_all")+1)
		n, ok := fields.Uint(block, layout.Column("s_bytes_all"))
		fmt.Printf("%s %d %v\n", fields.Text(block, layout.Column("s_ip")), n, ok)
	}
	fmt.Println(scanner.Lines, "lines,", scanner.Below, "below the threshold")
	// Output:
	// 10.0.0.3 2500 true
	// 3 lines, 2 below the threshold
}

// A Renderer writes a row's fields between constant texts.
func ExampleRenderer() {
	block := slices.Grow([]byte("10.0.0.1 0042 1.234567\n"), fastparse.Padding)
	r := fastparse.Renderer{Block: block, Values: make([]fastparse.Value, 1)}
	r.Fields.N = 3
	copy(r.Fields.Starts[:], []uint32{0, 9, 14, 23})
	r.Values[0].SetRate(1000, 3)
	segments := []fastparse.Segment{
		fastparse.NewSegment([]byte(`{"ip":"`), fastparse.Address, 0),
		fastparse.NewSegment([]byte(`","count":`), fastparse.Counter, 1),
		fastparse.NewSegment([]byte(`,"rtt":`), fastparse.RTT, 2),
		fastparse.NewSegment([]byte(`,"rate":`), fastparse.Number, 0),
	}
	out := make([]byte, len(segments)*(fastparse.MaxText+fastparse.MaxValue))
	end, _, bad := r.Render(segments, out, 0)
	fmt.Printf("%s} %d\n", out[:end], bad)
	// Output:
	// {"ip":"10.0.0.1","count":42,"rtt":1.235,"rate":333.33} -1
}
