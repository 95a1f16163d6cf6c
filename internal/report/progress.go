package report

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// IsTerminal reports whether w is a terminal that can rewrite a line.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Progress shows a bar on the last line of a terminal: how far a run has come. Log
// lines go above the bar.
type Progress struct {
	mu  sync.Mutex
	out io.Writer
	bar *progressbar.ProgressBar // nil while none is shown
}

const (
	// roomy is the width at which the numbers of rows and flows fit beside the rest.
	roomy = 70
	// usual is the width of a terminal that does not tell.
	usual = 80
)

// columns returns the width of a terminal, or the largest number for anything else.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return math.MaxInt
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return usual
}

// clipper cuts each line of the bar to the width of the terminal: of a line that
// wraps only the end would be rewritten, and every update would add to the screen.
type clipper struct{ out io.Writer }

func (c clipper) Write(b []byte) (int, error) {
	_, err := io.WriteString(c.out, clip(string(b), columns(c.out)-1)) // some terminals wrap at the last column
	return len(b), err
}

// clip cuts text to width columns after each carriage return. Control sequences
// (ESC [ ... letter) take no column, other characters one each.
func clip(text string, width int) string {
	var b strings.Builder
	column, control := 0, false
	for _, r := range text {
		switch {
		case r == '\033':
			control = true
		case control:
			control = r < '@' || r == '['
		case r == '\r':
			column = 0
		default:
			column++
		}
		if column <= width {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// NewProgress returns a Progress that shows nothing yet.
func NewProgress(out io.Writer) *Progress { return &Progress{out: out} }

// Write writes whole lines above the bar. It may be called from many
// goroutines at once.
func (p *Progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	return p.out.Write(b)
}

// Show shows how far c has come until stop is called, which takes the bar away
// and waits for the goroutine that keeps it up to date.
func (p *Progress) Show(c *Counters) (stop func()) {
	const often = 200 * time.Millisecond
	done := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		ticker := time.NewTicker(often)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				p.hide()
				return
			case <-ticker.C:
				p.draw(c)
			}
		}
	})
	return func() {
		close(done)
		drawing.Wait()
	}
}

// draw draws the bar. Before the crawl has ended it draws nothing.
func (p *Progress) draw(c *Counters) {
	total, read := c.Unsent.Total(), c.Bytes.Load()
	if total == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// The library ends a bar that is full, but this bar ends with the run.
	total = max(total, read+1)
	width := columns(p.out)
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(clipper{p.out}), progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetWidth(max(5, min(width-roomy, 20))), progressbar.OptionShowCount(),
			progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true))
	} else if p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	if width < roomy {
		p.bar.Describe("")
	} else {
		p.bar.Describe(fmt.Sprintf("%d rows, %d flows", c.Rows.Load(), c.Flows.Load()))
	}
	_ = p.bar.Set64(read)
}

func (p *Progress) hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
