package loggen_test

import (
	"bytes"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

func newGenerator(t testing.TB, o loggen.Options) *loggen.Generator {
	t.Helper()
	g, err := loggen.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func logOf(t testing.TB, o loggen.Options, p loggen.Proto, size loggen.Size) ([]byte, loggen.Books) {
	t.Helper()
	g := newGenerator(t, o)
	write := g.TCP
	if p == loggen.UDP {
		write = g.UDP
	}
	var b bytes.Buffer
	books, err := write(&b, size)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), books
}

// The same options give the same bytes. Another seed, and the next log of a Generator, give
// other bytes.
func TestDeterministic(t *testing.T) {
	for _, gz := range []bool{false, true} {
		o := loggen.Options{Seed: 7, Dirt: 0.1, Large: 0.1, Cut: true, Gzip: gz}
		one, books := logOf(t, o, loggen.TCP, loggen.Bytes(1<<20))
		two, again := logOf(t, o, loggen.TCP, loggen.Bytes(1<<20))
		if !bytes.Equal(one, two) || books != again {
			t.Errorf("gzip %v: the same options gave two logs", gz)
		}
		o.Seed++
		if other, _ := logOf(t, o, loggen.TCP, loggen.Bytes(1<<20)); bytes.Equal(one, other) {
			t.Errorf("gzip %v: two seeds gave one log", gz)
		}
	}
	g := newGenerator(t, loggen.Options{})
	var logs [2]bytes.Buffer
	for i := range logs {
		if _, err := g.UDP(&logs[i], loggen.Rows(100)); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(logs[0].Bytes(), logs[1].Bytes()) {
		t.Error("one generator made the same log twice")
	}
}

// ClientNumber returns the number that a row was made with.
func TestClientNumber(t *testing.T) {
	g := newGenerator(t, loggen.Options{})
	for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
		m := g.Maker(p, 1)
		columns := strings.Fields(strings.TrimPrefix(m.Header(), "#15#"))
		server := slices.IndexFunc(columns, func(c string) bool { return strings.HasPrefix(c, "s_ip:") })
		for _, n := range []uint64{0, 1, 2, 1000, 1 << 20, 1<<39 - 1, 123456789012} {
			for range 20 { // IPv4 and IPv6
				row := m.Append(nil, n, time.Unix(1_700_000_000, 0))
				f := strings.Fields(string(row))
				if got, ok := loggen.ClientNumber(f[0], testkit.Port(t, f[1])); !ok || got != n {
					t.Errorf("client %s %s: number %d %v, want %d", f[0], f[1], got, ok, n)
				}
				if got, ok := loggen.ClientNumber(f[server], testkit.Port(t, f[server+1])); ok {
					t.Errorf("server %s %s passes for client %d", f[server], f[server+1], got)
				}
			}
		}
	}
}

func TestTree(t *testing.T) {
	for _, gz := range []bool{false, true} {
		root := filepath.Join(t.TempDir(), "logs")
		g := newGenerator(t, loggen.Options{Gzip: gz, Start: time.Date(2026, 11, 22, 23, 50, 0, 0, time.UTC)})
		books, err := g.Tree(root, 3, 200_000)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var tcp, udp, size int64
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			log := testkit.ReadLog(t, path)
			n := int64(bytes.Count(log, []byte("\n"))) - 1
			if strings.Contains(path, "tcp") {
				tcp += n
			} else {
				udp += n
			}
			size += int64(len(log))
			name, _ := filepath.Rel(root, path)
			got = append(got, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"2026_11_22_23_50.out/log_tcp_complete", "2026_11_22_23_50.out/log_udp_complete",
			"2026_11_23_00_50.out/log_tcp_complete", "2026_11_23_00_50.out/log_udp_complete",
			"2026_11_23_01_50.out/log_tcp_complete", "2026_11_23_01_50.out/log_udp_complete",
		}
		if gz {
			for i := range want {
				want[i] += ".gz"
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("tree: %q, want %q", got, want)
		}
		if books.Rows != tcp+udp || books.Bytes != size {
			t.Errorf("books %+v, but the tree has %d tcp and %d udp rows, %d bytes", books, tcp, udp, size)
		}
		if share := float64(udp) / float64(tcp+udp); share < 0.45 || share > 0.55 {
			t.Errorf("%.2f of the rows are UDP, want a half", share)
		}
		if size < 590_000 || size > 610_000 {
			t.Errorf("%d bytes, want 600000", size)
		}
		if _, err := g.Tree(root, 1, 1000); err == nil {
			t.Error("a tree was written over another")
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []loggen.Options{
		{Version: "2.2"}, {Level: "7"}, {Version: "2.4", Level: "15"}, {Large: 1.1}, {Dirt: -0.1}, {UDPShare: 2},
		{Threshold: -1},
	} {
		if _, err := loggen.New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// Memory does not grow with the log: rows cause no allocations.
func TestStreams(t *testing.T) {
	g := newGenerator(t, loggen.Options{})
	allocs := func(rows int64) float64 {
		return testing.AllocsPerRun(3, func() {
			if _, err := g.TCP(io.Discard, loggen.Rows(rows)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(1000), allocs(20000); many > few+2 {
		t.Errorf("%v allocations for 1000 rows, %v for 20000", few, many)
	}
}

// go test -run '^$' -bench . ./internal/test/loggen
func BenchmarkTCP(b *testing.B) { benchmark(b, loggen.TCP) }

func BenchmarkUDP(b *testing.B) { benchmark(b, loggen.UDP) }

func benchmark(b *testing.B, p loggen.Proto) {
	g := newGenerator(b, loggen.Options{Large: 0.001})
	write := g.TCP
	if p == loggen.UDP {
		write = g.UDP
	}
	const size = 8 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, err := write(io.Discard, loggen.Bytes(size)); err != nil {
			b.Fatal(err)
		}
	}
}
