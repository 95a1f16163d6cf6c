package tstatsim

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tstat-transport/internal/test/loggen"
)

// blockBytes is the size of the buffer that Tstat writes a log through.
const blockBytes = 4096

// A directory is one *.out directory that Tstat has open.
type directory struct {
	name  string
	began time.Time
	logs  [2]*log // by loggen.Proto
}

func begin(path string, now time.Time, gz bool) (*directory, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, err
	}
	d := &directory{name: filepath.Base(path), began: now}
	for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
		name := "log_" + p.String() + "_complete"
		if gz {
			name += ".gz"
		}
		l, err := create(filepath.Join(path, name), gz)
		if err != nil {
			return nil, err
		}
		d.logs[p] = l
	}
	// Tstat has other logs open, too, which nobody here reads.
	return d, os.WriteFile(filepath.Join(path, "log_tcp_nocomplete"), nil, 0o644)
}

// close flushes and closes the logs.
func (d *directory) close(s *Sim) (err error) {
	for _, l := range d.logs {
		err = errors.Join(err, l.close(s))
	}
	return err
}

// abandon closes the logs as they are.
func (d *directory) abandon() (err error) {
	for _, l := range d.logs {
		err = errors.Join(err, l.out.file.Close())
	}
	return err
}

// A log is an open log. What is written to it reaches the file in blocks.
type log struct {
	name    string
	out     *blockWriter
	gz      *gzip.Writer // into out; nil for plain logs
	size    int64        // bytes that were written, in the file or not, before compression
	waiting []waiting    // rows that do not stand in the file yet
}

// waiting is a row of which the last byte is not in the file.
type waiting struct {
	number uint64
	end    int64 // position behind its newline, before compression
}

func create(path string, gz bool) (*log, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	l := &log{name: filepath.Base(path), out: &blockWriter{file: f}}
	if gz {
		l.gz = gzip.NewWriter(l.out)
	}
	return l, nil
}

func (l *log) writeRow(s *Sim, line []byte, number uint64) error {
	l.waiting = append(l.waiting, waiting{number, l.size + int64(len(line))})
	return l.write(s, line)
}

func (l *log) write(s *Sim, line []byte) (err error) {
	before := l.out.written
	if l.gz != nil {
		_, err = l.gz.Write(line)
	} else {
		_, err = l.out.Write(line)
	}
	l.size += int64(len(line))
	if err != nil || l.out.written == before {
		return err
	}
	return l.settle(s)
}

func (l *log) close(s *Sim) (err error) {
	if l.gz != nil {
		err = l.gz.Close()
	}
	return errors.Join(err, l.out.flush(), l.settle(s), l.out.file.Close())
}

// settle accounts for the rows that stand in the file now. A log that is not
// in its place any more, since its directory was culled, counts for nothing: nobody can read it.
func (l *log) settle(s *Sim) error {
	inPlace, err := l.inPlace()
	if err != nil {
		return err
	}
	if !inPlace {
		s.count(func(c *Counts) { c.Orphans += len(l.waiting) })
		l.waiting = nil
		return nil
	}
	readable := l.out.written
	if l.gz != nil {
		if readable, err = decompressed(l.out.file.Name()); err != nil {
			return err
		}
	}
	n := 0
	for n < len(l.waiting) && l.waiting[n].end <= readable {
		n++
	}
	s.stood(l.waiting[:n], time.Now())
	l.waiting = l.waiting[n:]
	return nil
}

func (l *log) inPlace() (bool, error) {
	open, err := l.out.file.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(l.out.file.Name())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(open, there), err
}

// decompressed gives how many bytes can be had from a gzip stream that may be cut.
func decompressed(path string) (int64, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // culled just now
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	n, err := io.Copy(io.Discard, z)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// A blockWriter writes to a file in blocks of blockBytes, and what is left on flush.
type blockWriter struct {
	file    *os.File
	buf     []byte
	written int64 // bytes in the file
}

func (w *blockWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	for len(w.buf) >= blockBytes {
		if err := w.out(blockBytes); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *blockWriter) flush() error { return w.out(len(w.buf)) }

func (w *blockWriter) out(n int) error {
	if _, err := w.file.Write(w.buf[:n]); err != nil {
		return err
	}
	w.written += int64(n)
	w.buf = append(w.buf[:0], w.buf[n:]...)
	return nil
}
