package message_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/fastparse"
	"tstat-transport/internal/message"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

// fenced returns at least size bytes between two pages. Any access to the pages ends the test.
func fenced(t *testing.T, size int) []byte {
	t.Helper()
	page := unix.Getpagesize()
	size = (size + page - 1) / page * page
	pages, err := unix.Mmap(-1, 0, page+size+page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(pages); err != nil {
			t.Error(err)
		}
	})
	memory := pages[page : page+size : page+size]
	if err := unix.Mprotect(memory, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	return memory
}

// Reset and Row read neither before a block nor more than Padding bytes after it, and Row
// writes only into the room that it makes. Any other access ends the test.
func TestWithinBounds(t *testing.T) {
	const most = 64 << 10
	memory, room := fenced(t, most+fastparse.Padding), fenced(t, 16<<10)
	random := rand.New(rand.NewPCG(9, 10))
	rows := 0
	// encode encodes lines at the start of the memory and at its end.
	encode := func(e *message.Encoder, lines []byte, layout *fastparse.Layout, threshold uint64) {
		for _, at := range [...]int{0, len(memory) - fastparse.Padding - len(lines)} {
			block := memory[at : at+len(lines) : at+len(lines)+fastparse.Padding]
			copy(block, lines)
			var s fastparse.Scanner
			s.Reset(block, layout, threshold)
			for event := s.Next(); event != fastparse.End; event = s.Next() {
				if event == fastparse.HeaderLine {
					continue
				}
				want, wantN, _ := e.Row(nil, &s)
				size := cap(want) // the room that Row makes
				got, n, _ := e.Row(room[len(room)-size:len(room)-size], &s)
				if n != wantN || !bytes.Equal(got, want) || cap(got) != size {
					t.Fatalf("at the fence %d flows in room for %d: %q\nwant %d in room for %d: %q", n, cap(got), got, wantN, size, want)
				}
				rows++
			}
		}
	}
	check := func(protocol fastparse.Protocol, log []byte, s setting) {
		header, lines, _ := bytes.Cut(log, []byte("\n"))
		layout, err := fastparse.ParseHeader(protocol, header)
		if err != nil {
			return
		}
		lines = bytes.Clone(lines[:min(len(lines), most)])
		lines = lines[:bytes.LastIndexByte(lines, '\n')+1]
		e := s.encoder()
		for range 2 {
			encode(e, lines, layout, s.thresholdBytes(t))
			for line := range bytes.Lines(lines) {
				encode(e, line, layout, 0)
			}
			for range len(lines) / 50 {
				lines[random.IntN(len(lines)-1)] = "  \n0123456789.:-\x00\xff"[random.IntN(18)]
			}
		}
	}
	for path, protocol := range corpusLogs(t, "*") {
		check(protocol, testkit.ReadLog(t, path), settings[1])
	}
	for _, protocol := range []fastparse.Protocol{fastparse.TCP, fastparse.UDP} {
		for i, log := range reference.Corpus(reference.Protocol(protocol.String()), 200) {
			check(protocol, log, settings[i%len(settings)])
		}
	}
	if rows < 50_000 {
		t.Errorf("%d rows, want at least 50000", rows)
	}
}
