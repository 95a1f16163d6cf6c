package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/loggen"
)

func gzipped(t *testing.T, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(p)) // into memory
		_ = z.Close()
	}
	return b.String()
}

// TestHostileLogs: unreadable parts of logs are named, everything else is sent, and nothing is
// sent twice.
func TestHostileLogs(t *testing.T) {
	t.Parallel()
	rows := lines(t, loggen.TCP, 20, 3000)
	whole := strings.Join(rows, "")
	junk := make([]byte, 300_000)
	for i := range junk {
		junk[i] = byte(rand.Uint32())
	}
	damaged := []byte(gzipped(t, whole))
	copy(damaged[len(damaged)/2:], "bytes that are not gzip")
	for name, c := range map[string]struct {
		file, content string
		status        int
		words         []string
		rows          []string // the header line, and the rows whose flows arrive
		atLeast       bool     // other flows may arrive too
	}{
		"empty":             {tcpLog, "", allDone, nil, rows[:1], false},
		"cut header":        {tcpLog, rows[0][:200], allDone, nil, rows[:1], false},
		"header only":       {tcpLog, rows[0], allDone, nil, rows[:1], false},
		"no header":         {tcpLog, strings.Join(rows[1:], ""), ioTrouble, []string{tcpLog, "no header"}, rows[:1], false},
		"binary":            {tcpLog, "\x00\x01\x02" + string(junk), ioTrouble, []string{tcpLog, "no header"}, rows[:1], false},
		"binary in between": {tcpLog, whole + string(junk) + "\n" + rows[0] + rows[1] + rows[2], allDone, []string{tcpLog, "event=rows_malformed"}, append(rows, rows[1:3]...), true},
		"short lines":       {tcpLog, rows[0] + "\n\n1\n1.1.1.1 2\n" + rows[1], allDone, []string{"too few fields"}, rows[:2], false},
		"forged header":     {tcpLog, rows[0] + "#c_ip:1 c_port:2 nothing:3\n" + rows[1] + "#\n" + rows[2], allDone, []string{"starts with #"}, rows[:3], false},
		"several members":   {tcpLog + ".gz", gzipped(t, rows[0], strings.Join(rows[1:1000], ""), strings.Join(rows[1000:], "")), allDone, nil, rows, false},
		"damaged gzip":      {tcpLog + ".gz", string(damaged), ioTrouble, []string{tcpLog + ".gz"}, rows[:200], true},
		"behind the gzip":   {tcpLog + ".gz", gzipped(t, whole) + "this is no other member", ioTrouble, []string{tcpLog + ".gz", "gzip"}, rows, false},
		"no gzip":           {tcpLog + ".gz", whole, ioTrouble, []string{tcpLog + ".gz", "gzip"}, rows[:1], false},
		"empty gzip":        {tcpLog + ".gz", "", allDone, nil, rows[:1], false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			const dir = "2026_01_15_00_00.out"
			write(t, filepath.Join(s.root, dir, c.file), c.content)
			corpus(t, "v3.0_bulk", s.root)
			other := s.directories()[1]
			s.send().want(c.status, c.words...)
			if !s.marked(other) {
				t.Error("the other directory is not marked")
			}
			if want := c.status == allDone; s.marked(dir) != want {
				t.Errorf("marked: %v, want %v", s.marked(dir), want)
			}
			s.collect()
			s.got = slices.DeleteFunc(s.got, func(d amqp091.Delivery) bool { return !strings.Contains(d.MessageId, dir) })
			if c.atLeast {
				s.wantAtLeastRows(c.rows)
			} else {
				s.wantRows(c.rows)
			}
			if r := s.send().want(c.status); r.count("published") != 0 {
				t.Errorf("a second run sent %d messages", r.count("published"))
			}
		})
	}
}

// TestDamagedForGood: an operator has two ways to finish with a log that stays damaged.
// Neither sends anything again.
func TestDamagedForGood(t *testing.T) {
	t.Parallel()
	rows := lines(t, loggen.TCP, 23, 500)
	whole := strings.Join(rows, "")
	for name, mend := range map[string]func(t *testing.T, dir string){
		"replaced by its readable part": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, tcpLog), whole)
			if err := os.Remove(filepath.Join(dir, tcpLog+".gz")); err != nil {
				t.Fatal(err)
			}
		},
		"marked by hand": func(t *testing.T, dir string) { write(t, filepath.Join(dir, ".processed"), "processed\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			dir := filepath.Join(s.root, "2026_01_15_00_00.out")
			write(t, filepath.Join(dir, tcpLog+".gz"), gzipped(t, whole), "this is no other member")
			s.send().want(ioTrouble)
			mend(t, dir)
			if r := s.send().want(allDone); r.count("published") != 0 {
				t.Errorf("%d messages were sent again", r.count("published"))
			}
			s.wantRows(rows)
			s.cull().want(allDone)
			wantNoneLeft(t, s.root)
		})
	}
}

// TestCutGzip: a live compressed log ends anywhere and grows between the runs.
func TestCutGzip(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := lines(t, loggen.TCP, 21, 3000)
	whole := gzipped(t, strings.Join(rows, ""))
	path := filepath.Join(s.root, "2026_01_15_00_00.out", tcpLog+".gz")
	for _, size := range []int{5, 4096, 40_960, len(whole) - 4, len(whole)} {
		write(t, path, whole[:size])
		s.send().want(allDone)
	}
	s.wantRows(rows)
}

// TestLongLine: memory stays bounded with lines of 100 MB, with and without a newline.
func TestLongLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := lines(t, loggen.TCP, 22, 30)
	dir := filepath.Join(s.root, "2026_01_15_00_00.out")
	long := strings.Repeat("x", 100<<20)
	write(t, filepath.Join(dir, tcpLog), slices.Insert(slices.Clone(rows), 11, long+"\n")...)
	write(t, filepath.Join(dir, udpLog), append(lines(t, loggen.UDP, 1, 0), long)...)
	r := s.start().waitMeasured().want(allDone, "longer than any row", tcpLog, "malformed=1")
	if r.count("incomplete")+r.count("malformed") != 2 {
		t.Errorf("%v, want one long line to be malformed and the other incomplete", r.Summary)
	}
	s.wantRows(rows)
}

// TestOddMarks: something else stands in the place of a mark.
func TestOddMarks(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, "precious")
	for name, c := range map[string]struct {
		make   func(path string) error
		status int
		words  []string
	}{
		"empty":        {func(p string) error { return os.WriteFile(p, nil, 0o644) }, allDone, []string{"damaged"}},
		"of megabytes": {func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("{ "), 3<<20), 0o644) }, allDone, []string{"damaged"}},
		"garbage": {func(p string) error { return os.WriteFile(p, []byte(`{"tool":"tstat_send","logs":{"log_tcp`), 0o644) },
			allDone, []string{"damaged"}},
		"contradiction": {func(p string) error {
			return os.WriteFile(p, []byte(`{"tool":"tstat_send","version":"1","logs":{"log_tcp_complete":{"size":5,"position":9,"end":3}}}`), 0o644)
		}, allDone, []string{"damaged"}},
		"directory": {func(p string) error { return os.Mkdir(p, 0o755) }, ioTrouble, []string{"not a regular file"}},
		"link":      {func(p string) error { return os.Symlink(outside, p) }, ioTrouble, []string{"symbolic link"}},
		"fifo":      {func(p string) error { return syscall.Mkfifo(p, 0o644) }, ioTrouble, []string{"not a regular file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			corpus(t, "lossy_level31", s.root)
			dir := s.directories()[0]
			if err := c.make(filepath.Join(s.root, dir, ".processed")); err != nil {
				t.Fatal(err)
			}
			s.send().want(c.status, c.words...)
			sent := c.status == allDone
			if n := s.Queued(); (n > 0) != sent {
				t.Errorf("%d messages were sent, want some: %v", n, sent)
			}
			cull := s.cull()
			if gone := !exists(filepath.Join(s.root, dir)); gone != sent || cull.Status != c.status {
				t.Errorf("culled: %v with status %d; the sender said %d:\n%s", gone, cull.Status, c.status, cull.log())
			}
			if readAll(t, outside) != "precious" {
				t.Error("a link was followed")
			}
		})
	}
}

// TestOddProcessing: a .processing with wrong content causes repeated messages at most.
func TestOddProcessing(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"garbage":                   "\x00\xff",
		"of another log":            `{"tool":"tstat_send","version":"1","logs":{"log_tcp_complete":{"size":99999,"position":70000,"end":70000,"header":0,"line":400,"fingerprint":"65536:00112233445566778899aabbccddeeff"}}}`,
		"no header at its position": `{"tool":"tstat_send","version":"1","logs":{"log_tcp_complete":{"size":99999,"position":7,"end":7,"header":3,"line":1,"fingerprint":"0:e3b0c44298fc1c149afbf4c8996fb924"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			corpus(t, "lossy_level31", s.root)
			write(t, filepath.Join(s.root, s.directories()[0], ".processing"), content)
			s.send().want(allDone)
			s.wantComplete()
		})
	}
}

// TestClock: a clock that jumps leaves marks with times in the past and in the future.
func TestClock(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "rotation", s.root)
	s.send().want(allDone)
	s.checkArrived()
	now := time.Now()
	dirs := s.directories()
	for dir, age := range map[string]time.Duration{dirs[0]: -72 * time.Hour, dirs[1]: 72 * time.Hour} {
		at := now.Add(-age)
		if err := os.Chtimes(filepath.Join(s.root, dir, ".processed"), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if r := s.send().want(allDone); r.count("published") != 0 {
		t.Error("sent again because of the mark's time")
	}
	run(t, "tstat_cull", "-d", s.root, "-t", "48").want(allDone)
	if !exists(filepath.Join(s.root, dirs[0])) || exists(filepath.Join(s.root, dirs[1])) {
		t.Errorf("left: %q; want the one that was marked in the future", s.directories())
	}
}

// TestOddNames: the names of directories may hold any byte.
func TestOddNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := []string{"a b", "new\nline", "not\xffutf8", strings.Repeat("long", 60), "quote\"'", "hid.den", "-d"}
	for i, name := range names {
		write(t, filepath.Join(s.root, name+".out", tcpLog), lines(t, loggen.TCP, uint64(30+i), 5)...)
	}
	r := s.send().want(allDone)
	if r.count("marked") != len(names) {
		t.Errorf("%d directories are marked, want %d", r.count("marked"), len(names))
	}
	s.collect()
	ids := map[string]bool{}
	for _, d := range s.got {
		ids[d.MessageId] = true
		if len(d.MessageId) > 255 {
			t.Errorf("message id of %d bytes", len(d.MessageId))
		}
	}
	if len(ids) != len(names) {
		t.Errorf("%d message ids, want %d", len(ids), len(names))
	}
	if r := s.send().want(allDone); r.count("published") != 0 {
		t.Error("sent again")
	}
	s.cull().want(allDone)
	wantNoneLeft(t, s.root)
}

// TestNotLogs: a link, a directory or a FIFO stands in the place of a log.
func TestNotLogs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "lossy_level31", s.root)
	good := s.directories()[0]
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, readAll(t, filepath.Join(s.root, good, tcpLog)))
	for i, place := range []func(path string) error{
		func(p string) error { return os.Symlink(outside, p) },
		func(p string) error { return os.Mkdir(p, 0o755) },
		func(p string) error { return syscall.Mkfifo(p, 0o644) },
	} {
		dir := filepath.Join(s.root, fmt.Sprintf("odd%d.out", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := place(filepath.Join(dir, tcpLog)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(s.root, "link.out")); err != nil {
		t.Fatal(err)
	}
	s.send().want(ioTrouble, "odd0.out/"+tcpLog, "odd1.out/"+tcpLog, "odd2.out/"+tcpLog)
	for i := range 3 {
		if s.marked(fmt.Sprintf("odd%d.out", i)) {
			t.Errorf("odd%d.out is marked", i)
		}
	}
	if !s.marked(good) {
		t.Error("the good directory is not marked")
	}
	if exists(filepath.Join(filepath.Dir(outside), ".processed")) {
		t.Error("a link was followed")
	}
}
