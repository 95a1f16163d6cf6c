package report

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// IsTerminal tells whether a person watches w, on a terminal that can rewrite
// a line.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Progress shows on the last line of a terminal how far a run has come, below
// what is written to it.
type Progress struct {
	mu  sync.Mutex
	out io.Writer
	bar *progressbar.ProgressBar // nil while none is shown
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

// draw draws the bar; there is nothing to be drawn before the crawl has ended.
func (p *Progress) draw(c *Counters) {
	total, read := c.Unsent.Total(), c.Bytes.Load()
	if total == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// The library ends a bar that is full; this one ends with the run.
	total = max(total, read+1)
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.out), progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetWidth(20), progressbar.OptionShowCount(),
			progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true))
	} else if p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	p.bar.Describe(fmt.Sprintf("%d rows, %d flows", c.Rows.Load(), c.Flows.Load()))
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
