package demo

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-json"

	"tstat-transport/internal/test/tstatsim"
)

// flow holds the keys of a flow that identify its row.
type flow struct {
	Meta struct {
		Source          string `json:"src_ip"`
		SourcePort      uint16 `json:"src_port"`
		Destination     string `json:"dst_ip"`
		DestinationPort uint16 `json:"dst_port"`
	} `json:"meta"`
	Values struct {
		Packets int64 `json:"num_packets"`
	} `json:"values"`
}

// compare empties the queue as a consumer does, drops messages with a repeated id, and prints
// the counts. It fails the test if a row has not arrived.
func (d *demo) compare() {
	t := d.t
	deliveries := d.site.Drain()
	var arrived tstatsim.Delivered
	seen := make(map[string][]byte)
	flows, repeated := 0, 0
	var sample json.RawMessage // the last flow with packets
	var sampleID string        // the id of its message
	for _, m := range deliveries {
		if before, again := seen[m.MessageId]; again {
			repeated++
			if !bytes.Equal(before, m.Body) {
				t.Errorf("two messages with the id %s differ", m.MessageId)
			}
			continue
		}
		seen[m.MessageId] = m.Body
		var list []json.RawMessage
		if err := json.Unmarshal(m.Body, &list); err != nil {
			t.Fatalf("message %s: %v", m.MessageId, err)
		}
		for _, raw := range list {
			var f flow
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatalf("message %s: %v", m.MessageId, err)
			}
			if err := arrived.Add(f.Meta.Source, f.Meta.SourcePort, f.Meta.Destination, f.Meta.DestinationPort); err != nil {
				t.Fatal(err)
			}
			flows++
			if f.Values.Packets > 0 {
				sample, sampleID = raw, m.MessageId
			}
		}
	}
	written := d.tstat.Written()
	missing := arrived.Missing(written)
	if flows == 0 || d.culled == 0 {
		t.Errorf("%d flows arrived and %d directories were culled: nothing to see", flows, d.culled)
	}
	for _, r := range missing {
		t.Errorf("row %d of %s in %s never arrived", r.Number, r.Log, r.Dir)
	}

	var pretty bytes.Buffer
	if err := json.Indent(&pretty, sample, "  ", "  "); err != nil {
		t.Fatal(err)
	}
	d.say("\none of the flows that arrived, in the message\n  %s\n\n  %s\n", sampleID, pretty.String())
	for _, line := range []struct{ what, figure string }{
		{"rows that Tstat wrote", fmt.Sprint(len(written))},
		{"rows that arrived", fmt.Sprint(len(written) - len(missing))},
		{"flows, two to a row", fmt.Sprint(flows)},
		{"  of them again, row was cut", fmt.Sprint(arrived.Repeated())}, // see docs/messages.md, "Which rows count"
		{"messages published, confirmed", fmt.Sprintf("%d, %d", d.published, d.confirmed)},
		{"messages in the queue", fmt.Sprint(len(deliveries))},
		{"  of them again, same id", fmt.Sprint(repeated)},
		{"directories culled", fmt.Sprint(d.culled)},
	} {
		d.say("  %-32s%s", line.what, line.figure)
	}
	if len(missing) == 0 {
		d.say("\nevery row that was written has arrived")
	}
}
