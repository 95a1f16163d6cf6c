package schema

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/test/testkit"
)

func messageSchema(t *testing.T) *Schema {
	t.Helper()
	s, err := Load("message.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGoldens: every flow in the golden files fits the schema of a message.
func TestGoldens(t *testing.T) {
	s := messageSchema(t)
	files, err := filepath.Glob("../../../testdata/golden/*.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		flows := bytes.Split(bytes.TrimSpace(testkit.ReadLog(t, file)), []byte("\n"))
		flows = flows[:min(len(flows), testkit.UnderRace(50, len(flows)))]
		for len(flows) > 0 && len(flows[0]) > 0 {
			n := min(100, len(flows))
			body := append(append([]byte("["), bytes.Join(flows[:n], []byte(","))...), ']')
			if err := s.Validate(body); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			flows = flows[n:]
		}
	}
}

// TestRefused: the schema refuses malformed messages.
func TestRefused(t *testing.T) {
	const udp = `{"type":"flow","interval":600,` +
		`"values":{"duration":1.0,"num_bits":8,"num_packets":1,"bits_per_second":8.0,"packets_per_second":1.0},` +
		`"meta":{"src_ip":"10.0.0.1","src_port":1,"dst_ip":"fd00::1","dst_port":2,"protocol":"udp",` +
		`"sensor_id":"s","instance_id":0,"flow_type":"tstat"},"start":1,"end":2}`
	s := messageSchema(t)
	if err := s.Validate([]byte("[" + udp + "]")); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"a name as an address":  {`"10.0.0.1"`, `"host.example.net"`},
		"a negative count":      {`"num_bits":8`, `"num_bits":-8`},
		"a count as text":       {`"num_bits":8`, `"num_bits":"8"`},
		"an instance 1":         {`"instance_id":0`, `"instance_id":1`},
		"a missing key":         {`"interval":600,`, ``},
		"a key of another flow": {`"num_packets":1`, `"num_packets":1,"tcp_mss":1460`},
		"TCP without its keys":  {`"udp"`, `"tcp"`},
	} {
		wrong := strings.Replace(udp, edit[0], edit[1], 1)
		if wrong == udp {
			t.Fatalf("%s: nothing was edited", name)
		}
		if s.Validate([]byte("["+wrong+"]")) == nil {
			t.Errorf("%s is accepted: %s", name, wrong)
		}
	}
	for _, text := range []string{"[]", udp, "[" + strings.Repeat(udp+",", 100) + udp + "]"} {
		if s.Validate([]byte(text)) == nil {
			t.Errorf("accepted: %.60s", text)
		}
	}
}
