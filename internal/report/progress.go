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

// Progress shows the progress of a run as a bar on the last line of a terminal. Log
// lines go above the bar.
type Progress struct {
	mu  sync.Mutex
	out io.Writer
	bar *progressbar.ProgressBar // nil while no bar is shown
}

const (
	// detailWidth is the smallest width at which the bar also shows the numbers of rows
	// and flows.
	detailWidth = 70
	// defaultWidth is the width assumed for a terminal that does not report its width.
	defaultWidth = 80
)

// columns returns the width of a terminal, or math.MaxInt if w is not a terminal.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return math.MaxInt
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return defaultWidth
}

// clipper cuts each line of the bar to the width of the terminal. If a line wrapped,
// each update would rewrite only its last part and leave the rest on the screen.
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

// Show starts a goroutine that shows the progress of c. stop removes the bar and waits
// for the goroutine.
func (p *Progress) Show(c *Counters) (stop func()) {
	const interval = 200 * time.Millisecond
	done := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		ticker := time.NewTicker(interval)
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

// draw draws the bar. It draws nothing until the crawl has found something to read.
func (p *Progress) draw(c *Counters) {
	total, read := c.Unsent.Total(), c.Bytes.Load()
	if total == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// The library ends a full bar, so the total stays above the bytes read.
	total = max(total, read+1)
	width := columns(p.out)
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(clipper{p.out}), progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetWidth(max(5, min(width-detailWidth, 20))), progressbar.OptionShowCount(),
			progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true))
	} else if p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	if width < detailWidth {
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
