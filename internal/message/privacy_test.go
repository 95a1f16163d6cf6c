package message_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
	"tstat-transport/internal/privacy"
	"tstat-transport/internal/test/testkit"
)

// With a policy, the flows of real logs differ only in their addresses. A flow contains
// neither of its real addresses, unless the address is its own replacement.
func TestReplacedAddresses(t *testing.T) {
	key := bytes.Repeat([]byte{7, 11, 13, 17}, privacy.KeySize/4)
	for _, policy := range []*privacy.Policy{
		{Mode: privacy.Truncate, IPv4: 24, IPv6: 48},
		{Mode: privacy.CryptoPAn, Key: key},
	} {
		mapper, text := policy.NewMapper(), make([]byte, privacy.MaxText)
		for protocol, name := range map[fastparse.Protocol]string{fastparse.TCP: "log_tcp_complete", fastparse.UDP: "log_udp_complete"} {
			log := testkit.ReadLog(t, "../../testdata/corpus/level15/2026_11_22_20_26.out/"+name)
			plain := encodeAll(t, message.Settings{Sensor: "s"}, protocol, log)
			replaced := encodeAll(t, message.Settings{Sensor: "s", Privacy: policy}, protocol, log)
			if len(plain) == 0 || len(replaced) != len(plain) {
				t.Fatalf("%s, %s: %d flows, want %d", policy, name, len(replaced), len(plain))
			}
			for i := range plain {
				var want message.Flow
				if err := json.Unmarshal(plain[i], &want); err != nil {
					t.Fatal(err)
				}
				for _, ip := range []*string{&want.Meta.SrcIP, &want.Meta.DstIP} {
					n := mapper.Map(text, []byte(*ip))
					mapped := string(text[:n])
					if quoted := []byte(`"` + *ip + `"`); n == 0 || mapped != *ip && bytes.Contains(replaced[i], quoted) {
						t.Fatalf("%s: %s is left in %s", policy, *ip, replaced[i])
					}
					*ip = mapped
				}
				var got message.Flow
				if err := json.Unmarshal(replaced[i], &got); err != nil {
					t.Fatal(err)
				}
				if flowText(t, got) != flowText(t, want) {
					t.Fatalf("%s:\n got %s\nwant %s", policy, replaced[i], flowText(t, want))
				}
			}
		}
	}
}

func encodeAll(t *testing.T, s message.Settings, protocol fastparse.Protocol, log []byte) [][]byte {
	t.Helper()
	all, err := encodeLog(t, message.NewEncoder(s), protocol, log, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return all.flows
}

func flowText(t *testing.T, f message.Flow) string {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A row with an address that cannot be replaced is malformed.
func TestReplacedAddressMalformed(t *testing.T) {
	const header = "#15#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9\n"
	log := header + "1.2.3 1 192.0.2.1 2 300000 400000 5.5 1000.0 7000.0\n"
	policy := &privacy.Policy{Mode: privacy.Truncate, IPv4: 24}
	plain := encodeAll(t, message.Settings{Sensor: "s"}, fastparse.TCP, []byte(log))
	replaced := encodeAll(t, message.Settings{Sensor: "s", Privacy: policy}, fastparse.TCP, []byte(log))
	if len(plain) != 2 || len(replaced) != 0 {
		t.Errorf("%d flows as Tstat wrote them, %d replaced; want 2 and 0", len(plain), len(replaced))
	}
	layout, err := fastparse.ParseHeader(fastparse.TCP, []byte(strings.TrimSuffix(header, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	var s fastparse.Scanner
	s.Reset(slices.Grow([]byte(log[len(header):]), fastparse.Padding), layout, 0)
	s.Next()
	_, _, reason := message.NewEncoder(message.Settings{Privacy: policy}).Row(nil, &s)
	if got, want := reason.String(), "c_ip: not an IP address, so it cannot be replaced"; got != want {
		t.Errorf("the reason is %q, want %q", got, want)
	}
}
