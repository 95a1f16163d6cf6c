package report

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is a terminal that keeps the lines that a person would see.
type screen struct {
	mu   sync.Mutex
	rows []string // the cursor is on the last row
	bars []string // the last row after each write, if not empty
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = []string{""}
	}
	text := string(b)
	for text != "" {
		last := &s.rows[len(s.rows)-1]
		switch {
		case strings.HasPrefix(text, "\033[2K"):
			*last, text = "", text[4:]
		case strings.HasPrefix(text, "\033[0K"):
			text = text[4:]
		case text[0] == '\r': // the bar follows again, or a newline
			text = text[1:]
			if text != "" && text[0] != '\n' {
				*last = ""
			}
		case text[0] == '\n':
			s.rows, text = append(s.rows, ""), text[1:]
		default:
			*last, text = *last+text[:1], text[1:]
		}
	}
	if bar := s.rows[len(s.rows)-1]; bar != "" {
		s.bars = append(s.bars, bar)
	}
	return len(b), nil
}

func (s *screen) seen() (rows, bars []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.rows...), append([]string(nil), s.bars...)
}

// TestProgress: log lines and the bar share a terminal, and each log line stays whole.
func TestProgress(t *testing.T) {
	var s screen
	p := NewProgress(&s)
	var c Counters
	c.Unsent.Found("a", 4_000_000, time.Now())
	stop := p.Show(&c)
	var writing sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	drawn := func(n int) bool { _, bars := s.seen(); return len(bars) >= n }
	for w := range 3 {
		writing.Go(func() {
			for i := 0; i < 40 || !drawn(5); i++ {
				if _, err := fmt.Fprintf(p, "line %d of writer %d, to its end\n", i, w); err != nil {
					t.Error(err)
				}
				c.Bytes.Add(1000)
				c.Rows.Add(10)
				c.Flows.Add(3)
				pause := time.NewTimer(time.Millisecond)
				select {
				case <-pause.C:
				case <-ctx.Done():
					t.Error("no bar is drawn")
					return
				}
			}
		})
	}
	writing.Wait()
	stop()
	rows, bars := s.seen()
	if last := rows[len(rows)-1]; last != "" {
		t.Errorf("the bar is left behind: %q", last)
	}
	lines := 0
	for _, r := range rows[:len(rows)-1] {
		if !strings.HasPrefix(r, "line ") || !strings.HasSuffix(r, ", to its end") || strings.Count(r, "line") != 1 {
			t.Errorf("garbled: %q", r)
		}
		lines++
	}
	if want := int(c.Rows.Load() / 10); lines != want {
		t.Errorf("%d lines, want %d", lines, want)
	}
	bar := bars[len(bars)-1]
	for _, want := range []string{" rows, ", " flows", "/4.0 MB", "B/s", "%", "s]"} {
		if !strings.Contains(bar, want) {
			t.Errorf("the bar does not show %q: %q", want, bar)
		}
	}
}

// TestProgressBeyondTheEstimate: the bar stays when more bytes are read than estimated.
func TestProgressBeyondTheEstimate(t *testing.T) {
	var s screen
	p := NewProgress(&s)
	var c Counters
	c.Unsent.Found("a", 1000, time.Now())
	for _, read := range []int64{500, 1000, 5000} {
		c.Bytes.Store(read)
		p.draw(&c)
		if rows, _ := s.seen(); !strings.Contains(rows[len(rows)-1], "%") {
			t.Errorf("no bar at %d bytes: %q", read, rows)
		}
	}
	p.hide()
	if rows, _ := s.seen(); rows[len(rows)-1] != "" {
		t.Errorf("%q", rows)
	}
}

func TestNoProgressWithoutAnythingToRead(t *testing.T) {
	var s screen
	p := NewProgress(&s)
	p.draw(new(Counters))
	p.hide()
	if rows, bars := s.seen(); rows != nil || bars != nil {
		t.Errorf("%q, %q", rows, bars)
	}
}

func TestIsTerminal(t *testing.T) {
	if IsTerminal(new(screen)) {
		t.Error("a buffer is no terminal")
	}
}
