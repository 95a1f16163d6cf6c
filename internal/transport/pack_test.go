package transport_test

import (
	"bytes"
	"testing"

	"tstat-transport/internal/transport"
)

// TestPack: a message keeps its content, and occupies at most a fifth while it is packed.
func TestPack(t *testing.T) {
	var packed, list []byte
	for _, body := range realMessages(t) {
		packed = transport.Pack(packed, body)
		if len(packed) > len(body)/5 {
			t.Errorf("%d bytes are packed to %d, want at most a fifth", len(body), len(packed))
		}
		if list = transport.Unpack(list, packed); !bytes.Equal(list, body) {
			t.Fatalf("%d bytes came back, not the %d that were packed", len(list), len(body))
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a body that was never packed: no panic")
		}
	}()
	transport.Unpack(nil, []byte("[]"))
}

// BenchmarkPack measures what it costs to pack and to unpack messages of real flows.
func BenchmarkPack(b *testing.B) {
	bodies := realMessages(b)
	var packed, list []byte
	var in, out int
	for i := 0; b.Loop(); i++ {
		body := bodies[i%len(bodies)]
		packed = transport.Pack(packed, body)
		list = transport.Unpack(list, packed)
		in, out = in+len(body), out+len(packed)
	}
	b.SetBytes(int64(in / b.N))
	b.ReportMetric(float64(in)/float64(out), "ratio")
}
