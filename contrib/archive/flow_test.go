package main

import (
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	"github.com/klauspost/compress/zstd"
	amqp "github.com/rabbitmq/amqp091-go"
)

// TestRealFlows reads flows of real logs of several versions and levels.
func TestRealFlows(t *testing.T) {
	got, want := multiset{}, multiset{}
	for _, name := range []string{"lossy_level31", "hostile_names", "v2.4_bulk", "level00_core_only"} {
		flows := goldenFlows(t, name)
		for _, text := range flows {
			want.addJSON(t, text)
		}
		for i, body := range messagesOf(flows, 100) {
			m := read(asDelivery("id", body))
			if m.fault != nil {
				t.Fatalf("%s, message %d: %v", name, i, m.fault)
			}
			for _, f := range m.flows {
				row := map[string]any{}
				for i, column := range columns {
					row[column] = f.row[i]
				}
				got[canonical(t, row)]++
			}
		}
	}
	if !maps.Equal(got, want) || want.size() < 2000 {
		t.Errorf("%d flows read, not those of the logs: %d", got.size(), want.size())
	}
}

// TestValuesAreThoseOfTheSchema compares the columns with the published schema.
func TestValuesAreThoseOfTheSchema(t *testing.T) {
	text, err := os.ReadFile("../../docs/message.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type property struct {
		Ref   string                    `json:"$ref"`
		Type  string                    `json:"type"`
		AnyOf []struct{ Type, Ref any } `json:"anyOf"`
	}
	type object struct {
		Properties map[string]property
		Required   []string
	}
	var schema struct {
		Defs map[string]struct {
			Properties struct{ Values, Meta object }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	for def, wanted := range map[string][]value{"tcp_flow": values[:], "udp_flow": values[:tcpValues]} {
		o := schema.Defs[def].Properties.Values
		var names []string
		for _, v := range wanted {
			names = append(names, v.name)
			if nullable := o.Properties[v.name].AnyOf != nil; nullable != v.nullable {
				t.Errorf("%s, %s: nullable %v, the schema says %v", def, v.name, v.nullable, nullable)
			}
		}
		slices.Sort(names)
		if inSchema := slices.Sorted(maps.Keys(o.Properties)); !slices.Equal(names, inSchema) || len(o.Required) != len(names) {
			t.Errorf("%s: values are %v, the schema has %v", def, names, inSchema)
		}
	}
}

func TestFaults(t *testing.T) {
	flows := goldenFlows(t, "level15")
	good := string(flows[slices.IndexFunc(flows, func(f json.RawMessage) bool { return bytes.Contains(f, []byte("tcp_mss")) })])
	edit := func(old, replacement string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q in %s", old, good)
		}
		return "[" + strings.Replace(good, old, replacement, 1) + "]"
	}
	if m := read(asDelivery("id", []byte("["+good+"]"))); m.fault != nil {
		t.Fatal(m.fault)
	}
	for _, c := range []struct{ body, reason string }{
		{"", "no JSON list"},
		{"{}", "no JSON list"},
		{"[]", "an empty list"},
		{"[" + good, "no JSON list"},
		{"[" + good + ",7]", "flow 1: "},
		{edit(`"interval": 600`, `"interval": 601`), "type, interval or flow_type"},
		{edit(`"type": "flow"`, `"type": "flow", "more": 1`), `unknown field "more"`},
		{edit(`"src_port"`, `"source_port"`), "source_port"},
		{edit(`"num_bits"`, `"bits"`), `"bits" is no value`},
		{edit(`"num_bits": `, `"nums": [1,`), "no JSON list"},
		{edit(`"num_packets": 5, `, ""), "num_packets is missing"},
		{edit(`"tcp_mss"`, `"tcp_more": 1, "tcp_mss"`), `"tcp_more" is no value`},
		{edit(`"tcp_mss"`, `"tcp_mss": 1, "tcp_mss"`), `"tcp_mss" is no value of a tcp flow, or stands there twice`},
		{edit(`"tcp_mss"`, `"tcp_mss": {"a": 1}, "tcp_mss"`), "not a number"},
		{edit(`"tcp_mss": 1`, `"tcp_mss": true, "x": 1`), "not a number"},
		{edit(`"protocol": "tcp"`, `"protocol": "udp"`), "is no value of a udp flow"},
		{edit(`"protocol": "tcp"`, `"protocol": "sctp"`), "neither tcp nor udp"},
		{edit(`"values": {`, `"values": [{`), "no JSON list"},
		{edit(`"values": {`, `"values": null, "x": {`), "x"},
		{edit(`"values": {`, `"values": 7, "interval": {`), "flow"},
		{edit(`"num_bits": `, `"num_bits": null, "x": `), "num_bits: "},
		{edit(`"num_bits": `, `"num_bits": 1000000000000000000`), "num_bits: "},
		{edit(`"num_bits": `, `"num_bits": -`), "negative"},
		{edit(`"duration": `, `"duration": -`), "duration: "},
		{edit(`"duration": `, `"duration": 1e999, "x": `), "duration: "},
		{edit(`"duration": `, `"duration": NaN, "x": `), "no JSON list"},
		{edit(`"tcp_mss": 1`, `"tcp_mss": 1.`), "tcp_mss: "},
		{edit(`"duration": `, `"duration": "1", "x": `), "duration: "},
		{edit(`"src_ip": "`, `"src_ip": "x`), "ParseAddr"},
		{edit(`"instance_id": 0`, `"instance_id": 1`), "instance_id is 1"},
		{edit(`"sensor_id": "`, `"sensor_id": "\u0000`), "zero byte"},
		{edit(`"start": 1`, `"start": 1000`), "--timestamps ms"},
	} {
		m := read(asDelivery("id", []byte(c.body)))
		if m.fault == nil || !strings.Contains(m.fault.Error(), c.reason) {
			t.Errorf("%.2000s\nfault %v, want %q", c.body, m.fault, c.reason)
		}
	}
	if m := read(asDelivery("", []byte("["+good+"]"))); m.fault == nil {
		t.Error("a message without id has no fault")
	}
}

func TestCompressed(t *testing.T) {
	body := append(append([]byte("["), goldenFlows(t, "level15")[0]...), ']')
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(body)
	_ = z.Close()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := read(asDelivery("id", body))
	for encoding, compressed := range map[string][]byte{"gzip": zipped.Bytes(), "zstd": encoder.EncodeAll(body, nil)} {
		m := read(amqp.Delivery{MessageId: "id", ContentEncoding: encoding, Body: compressed})
		if m.fault != nil || len(m.flows) != 1 || !bytes.Equal(m.digest, want.digest) {
			t.Errorf("%s: %d flows, fault %v, digest %x", encoding, len(m.flows), m.fault, m.digest)
		}
		m = read(amqp.Delivery{MessageId: "id", ContentEncoding: encoding, Body: body})
		if m.fault == nil {
			t.Errorf("%s: no fault in what is not compressed", encoding)
		}
	}
	bomb := encoder.EncodeAll(make([]byte, maxBody+1), nil)
	if m := read(amqp.Delivery{MessageId: "id", ContentEncoding: "zstd", Body: bomb}); m.fault == nil || !strings.Contains(m.fault.Error(), "longer") {
		t.Errorf("a body that grows too long: %v", m.fault)
	}
	if m := read(amqp.Delivery{MessageId: "id", ContentEncoding: "br", Body: body}); m.fault == nil {
		t.Error("no fault in an unknown encoding")
	}
}

func TestPlaceOf(t *testing.T) {
	const log = "s/0/2026_11_22_20_26.out/log_tcp_complete"
	for id, want := range map[string]place{
		log + "@0-5120":           {log, byteRange{0, 5120}, log + "@0-5120", ""},
		log + "@10-99.1":          {log, byteRange{10, 99}, log + "@10-99", ".1"},
		log + "@10-99.1.2":        {log, byteRange{10, 99}, log + "@10-99", ".1.2"},
		log + "@10-99~0a4e":       {log, byteRange{10, 99}, log + "@10-99~0a4e", ""},
		log + "@10-99~0a4e.2":     {log, byteRange{10, 99}, log + "@10-99~0a4e", ".2"},
		"s@1-2/" + log + "@10-99": {"s@1-2/" + log, byteRange{10, 99}, "s@1-2/" + log + "@10-99", ""},
	} {
		if got := placeOf(id); got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
	for _, id := range []string{"f2ca1bb6c7e907d0.1", "log@99-10", "log@0-99999999999999999999", "log@0-1.3"} {
		if got, want := placeOf(id), (place{id, byteRange{0, 1}, id, ""}); got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}
