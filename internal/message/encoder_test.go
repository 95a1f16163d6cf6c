package message_test

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-json"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

// thresholds in megabytes.
var thresholds = []string{"0", "0.000001", "0.0000010000001", "0.125", "0.9999999", "1", "1000", "2305843009213.693951", "9999999999999"}

// setting is one way to read a log, for the encoder and for its reference.
type setting struct {
	threshold string
	sensor    string
	instance  string
	given     bool // instance
	timesMS   bool
	udpMS     bool
}

func (s setting) reference() reference.Settings {
	unit := map[bool]string{true: "ms"}
	return reference.Settings{
		Threshold: s.threshold, Sensor: s.sensor, Timestamps: unit[s.timesMS], UDPDuration: unit[s.udpMS],
		Instance: message.InstanceID{Name: s.instance, Given: s.given},
	}
}

func (s setting) encoder() *message.Encoder {
	settings := message.Settings{Sensor: s.sensor, Milliseconds: s.timesMS, UDPMilliseconds: s.udpMS}
	if s.given {
		settings.Instance = &s.instance
	}
	return message.NewEncoder(settings)
}

// thresholdBytes returns the threshold in bytes, rounded up.
func (s setting) thresholdBytes(t testing.TB) uint64 {
	t.Helper()
	exact, ok := new(big.Rat).SetString(s.threshold)
	if !ok {
		t.Fatal(s.threshold)
	}
	exact.Mul(exact, big.NewRat(1_000_000, 1))
	n := new(big.Int).Add(exact.Num(), exact.Denom())
	return n.Sub(n, big.NewInt(1)).Quo(n, exact.Denom()).Uint64()
}

// checkLog compares the results of the encoder and of package reference for a log. size is
// the least size of the encoder's blocks in bytes.
func checkLog(t *testing.T, protocol fastparse.Protocol, log []byte, s setting, size int) {
	t.Helper()
	want, wantErr := reference.Read(log, reference.Protocol(protocol.String()), s.reference())
	got, err := encodeLog(t, s.encoder(), protocol, log, s.thresholdBytes(t), size)
	if !errors.Is(err, wantErr) {
		t.Fatalf("error %v, want %v", err, wantErr)
	}
	if got.books != want.Books {
		t.Errorf("books %+v, want %+v", got.books, want.Books)
	}
	var malformed []int
	for _, m := range want.Malformed {
		malformed = append(malformed, m.Line)
	}
	if !slices.Equal(got.malformed, malformed) {
		t.Errorf("malformed lines %d, want %d; the reference's reasons: %+v", got.malformed, malformed, want.Malformed)
	}
	flows := want.Flows()
	for i := range min(len(flows), len(got.flows)) {
		text, err := json.Marshal(flows[i])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, got.flows[i]) && reference.MustCanonical(t, text) != reference.MustCanonical(t, got.flows[i]) {
			t.Fatalf("flow %d:\n got %s\nwant %s", i, got.flows[i], text)
		}
		if !utf8.Valid(got.flows[i]) {
			t.Fatalf("flow %d is not UTF-8: %q", i, got.flows[i])
		}
	}
	if len(got.flows) != len(flows) {
		t.Errorf("%d flows, want %d", len(got.flows), len(flows))
	}
	if t.Failed() {
		t.Logf("%s log of %d bytes, %+v, blocks of %d: %.3000q", protocol, len(log), s, size, log)
		t.FailNow()
	}
}

var settings = []setting{
	{threshold: "0", sensor: "sensor.example.net"},
	{threshold: "0.125", sensor: "s", instance: "0", given: true, timesMS: true},
	{threshold: "0.0000010000001", sensor: "", instance: "", given: true, udpMS: true},
	{threshold: "1000", sensor: `q"uo\te <&> 'x' / ü ` + "\u2028\x00\t\n\x7f", instance: "\xff\xc3(\xed\xa0\x80 <&>\"", given: true, timesMS: true, udpMS: true},
}

func TestEncodeCorpus(t *testing.T) {
	for path, protocol := range corpusLogs(t, "*") {
		log := testkit.ReadLog(t, path)
		checkLog(t, protocol, log, settings[0], 5000)
		if !testkit.Race {
			checkLog(t, protocol, log, settings[3], 1<<20)
		}
	}
}

func TestEncodeGenerated(t *testing.T) {
	for _, protocol := range []fastparse.Protocol{fastparse.TCP, fastparse.UDP} {
		for i, log := range reference.Corpus(reference.Protocol(protocol.String()), testkit.UnderRace(15, 80)) {
			for _, s := range settings {
				checkLog(t, protocol, log, s, 1+i*7)
			}
		}
	}
}

// A statistic that is nan or inf becomes null, also in both flows of a row. A row that has
// a malformed field too is malformed.
func TestEncodeNotFinite(t *testing.T) {
	const header = "#15#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first:8 last:9"
	const statistics = " c_rtt_avg:10 s_rtt_std:11 c_pkts_data:12 c_pkts_retx:13 c_mss:14 s_mss:15 c_cwin_max:16 s_sack_cnt:17 c_sack_cnt:18 c_first:19\n"
	fields := strings.Fields("::1 1 ::2 2 300000 400000 5.500000 1000.000000 7000.000000 1.500000 0.250000 10 1 1460 1440 65535 3 4 9.000000")
	for i := range fields {
		for _, text := range []string{"nan", "-nan", "inf", "-inf", "NAN", "+inf"} {
			row := slices.Clone(fields)
			row[i] = text
			log := header + statistics + strings.Join(row, " ") + "\n"
			row[(i+3)%len(row)] = "-nan"
			log += strings.Join(row, " ") + "\n"
			row[(i+5)%len(row)] = "x"
			log += strings.Join(row, " ") + "\n"
			for _, s := range settings[:2] {
				checkLog(t, fastparse.TCP, []byte(log), s, 0)
			}
		}
	}
}

// In a log with first_abs, a digit after the sixth of a fraction can decide the millisecond
// of the end. An end before the epoch is written as the epoch.
func TestEncodeRelativeTimes(t *testing.T) {
	const header = "#15#c_ip:1 c_port:2 s_ip:3 s_port:4 c_bytes_uniq:5 s_bytes_uniq:6 durat:7 first_abs:8 first:9 last:10\n"
	for _, times := range []string{
		"1.000000 0.500000 0.500000", "999.0000001 0.0000001 1", "1000 0.0000001 0", "1000 0 0.0000001",
		"0.9999999 0 0.0000001", "0.9999998 0 0.0000001", "999.999999 0 0.000001", "5 0.1 0", "5 6 0", "0 0.000001 0",
		"999999999999999.9 0 999999999999999.9", "0 999999999999999.9 0", "1000000000000000 0 0", "0 1000000000000000 0", "0 0 1000000000000000",
	} {
		for _, s := range settings[:2] {
			checkLog(t, fastparse.TCP, []byte(header+"::1 1 ::2 2 300000 4 5.5 "+times+"\n"), s, 0)
		}
	}
}

// The encoder finds the same flows, counts and malformed lines in a log as the slow
// reference, for all settings and block sizes.
func FuzzEncode(f *testing.F) {
	for _, protocol := range []fastparse.Protocol{fastparse.TCP, fastparse.UDP} {
		for i, log := range reference.Corpus(reference.Protocol(protocol.String()), testkit.UnderRace(15, 60)) {
			if len(log) < 10_000 {
				f.Add(log, protocol == fastparse.UDP, uint8(i), uint8(i), `s"<`, "\xff", uint16(i*50))
			}
		}
	}
	for path, protocol := range corpusLogs(f, "*") {
		log := testkit.ReadLog(f, path)
		header, rows, _ := bytes.Cut(log, []byte("\n"))
		f.Add(slices.Concat(header, []byte("\n"), rows[:min(len(rows), 1500)]), protocol == fastparse.UDP, uint8(0), uint8(0), "s", "", uint16(500))
	}
	f.Fuzz(func(t *testing.T, log []byte, udp bool, threshold, flags uint8, sensor, instance string, size uint16) {
		protocol := fastparse.TCP
		if udp {
			protocol = fastparse.UDP
		}
		checkLog(t, protocol, log, setting{
			threshold: thresholds[int(threshold)%len(thresholds)],
			sensor:    sensor, instance: instance,
			given: flags&1 > 0, timesMS: flags&2 > 0, udpMS: flags&4 > 0,
		}, int(size))
	})
}

// Reading a flow of the encoder into the typed record and writing it gives the same text.
func TestTypedRecordRoundTrip(t *testing.T) {
	flows := 0
	for path, protocol := range corpusLogs(t, "*") {
		for _, s := range settings[:testkit.UnderRace(1, 2)] {
			log, err := encodeLog(t, s.encoder(), protocol, testkit.ReadLog(t, path), 0, 1<<20)
			if err != nil && !strings.Contains(path, "v2.2_no_header") {
				t.Fatalf("%s: %v", path, err)
			}
			for _, want := range log.flows {
				var flow message.Flow
				if err := json.Unmarshal(want, &flow); err != nil {
					t.Fatalf("%v: %s", err, want)
				}
				got, err := json.Marshal(flow)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("%s:\n got %s\nwant %s", path, got, want)
				}
				flows++
			}
		}
	}
	if flows < 10_000 {
		t.Errorf("%d flows, want at least 10000", flows)
	}
}

// rows returns the block after the header of a real log, and its layout.
func rows(t testing.TB, protocol fastparse.Protocol) ([]byte, *fastparse.Layout) {
	t.Helper()
	log := testkit.ReadLog(t, corpus+"/rotation/2026_11_22_22_30.out/log_"+protocol.String()+"_complete")
	header, block, _ := bytes.Cut(log, []byte("\n"))
	layout, err := fastparse.ParseHeader(protocol, header)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Grow(bytes.Clone(block), fastparse.Padding), layout
}

func TestNoAllocationPerRow(t *testing.T) {
	for _, protocol := range []fastparse.Protocol{fastparse.TCP, fastparse.UDP} {
		block, layout := rows(t, protocol)
		ties := slices.Grow(bytes.ReplaceAll(block, []byte("000 "), []byte("500 ")), fastparse.Padding)
		malformed := slices.Grow(bytes.ReplaceAll(block, []byte("."), []byte(",")), fastparse.Padding)
		for name, block := range map[string][]byte{"rows": block, "ties": ties, "malformed": malformed} {
			var s fastparse.Scanner
			e := message.NewEncoder(message.Settings{Sensor: "s"})
			var out []byte
			found, flows := 0, 0
			if n := testing.AllocsPerRun(10, func() {
				out, found, flows = out[:0], 0, 0
				s.Reset(block, layout, 0)
				for event := s.Next(); event != fastparse.End; event = s.Next() {
					o, n, _ := e.Row(out, &s)
					out = o
					flows += n
					found++
				}
			}); n != 0 {
				t.Errorf("%s %s: %v allocations, want none", protocol, name, n)
			}
			if found < 100 || (flows == 0) != (name == "malformed") {
				t.Errorf("%s %s: %d rows, %d flows", protocol, name, found, flows)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, protocol := range []fastparse.Protocol{fastparse.TCP, fastparse.UDP} {
		b.Run(protocol.String(), func(b *testing.B) {
			block, layout := rows(b, protocol)
			const size = 128 << 10 // block and flows stay in the cache, as in the pipeline
			block = block[:1+bytes.LastIndexByte(block[:min(size, len(block))], '\n')]
			var s fastparse.Scanner
			e := message.NewEncoder(message.Settings{Sensor: "sensor.example.net"})
			var out []byte
			flows := 0
			b.ReportAllocs()
			for b.Loop() {
				out = out[:0]
				s.Reset(block, layout, 0)
				for event := s.Next(); event != fastparse.End; event = s.Next() {
					o, n, _ := e.Row(out, &s)
					out = o
					flows += n
				}
			}
			b.SetBytes(int64(len(out)))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(flows), "ns/flow")
			b.ReportMetric(float64(b.N*len(out))/float64(flows), "B/flow")
		})
	}
}
