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

func createDirectory(path string, now time.Time, gz bool) (*directory, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, err
	}
	d := &directory{name: filepath.Base(path), began: now}
	for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
		name := "log_" + p.String() + "_complete"
		if gz {
			name += ".gz"
		}
		l, err := createLog(filepath.Join(path, name), gz)
		if err != nil {
			return nil, err
		}
		d.logs[p] = l
	}
	// Tstat also writes other logs, which no reader here reads.
	return d, os.WriteFile(filepath.Join(path, "log_tcp_nocomplete"), nil, 0o644)
}

// close flushes and closes the logs, as an orderly stop does.
func (d *directory) close(s *Sim) (err error) {
	for _, l := range d.logs {
		err = errors.Join(err, l.close(s))
	}
	return err
}

// abandon closes the logs without flushing, as SIGKILL does.
func (d *directory) abandon() (err error) {
	for _, l := range d.logs {
		err = errors.Join(err, l.out.file.Close())
	}
	return err
}

// A log is an open log. Rows reach its file in blocks.
type log struct {
	name    string
	out     *blockWriter
	gz      *gzip.Writer // writes to out; nil for plain logs
	size    int64        // bytes that were written before compression, buffered ones included
	waiting []waiting    // rows that are not whole in the file yet
}

// waiting is a row that is not whole in the file yet.
type waiting struct {
	number uint64
	end    int64 // offset behind the newline, before compression
}

func createLog(path string, gz bool) (*log, error) {
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
	return l.recordWritten(s)
}

func (l *log) close(s *Sim) (err error) {
	if l.gz != nil {
		err = l.gz.Close()
	}
	return errors.Join(err, l.out.flush(), l.recordWritten(s), l.out.file.Close())
}

// recordWritten records the rows that are whole in the file now. If the log's directory was
// culled, no reader can read the rows: they are orphans.
func (l *log) recordWritten(s *Sim) error {
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
	s.markWritten(l.waiting[:n])
	l.waiting = l.waiting[n:]
	return nil
}

// inPlace reports whether the log's path still leads to the open file.
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

// decompressed returns the number of bytes that can be read from a gzip stream, which may be
// cut.
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

// A blockWriter writes to a file in blocks of blockBytes. flush writes the rest.
type blockWriter struct {
	file    *os.File
	buf     []byte
	written int64 // bytes in the file
}

func (w *blockWriter) Write(p []byte) (int, error) {
	w.buf = append(w.buf, p...)
	for len(w.buf) >= blockBytes {
		if err := w.writeOut(blockBytes); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (w *blockWriter) flush() error { return w.writeOut(len(w.buf)) }

func (w *blockWriter) writeOut(n int) error {
	if _, err := w.file.Write(w.buf[:n]); err != nil {
		return err
	}
	w.written += int64(n)
	w.buf = append(w.buf[:0], w.buf[n:]...)
	return nil
}
