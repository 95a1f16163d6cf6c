package file

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-json"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tstat-transport/internal/atomicfile"
	"tstat-transport/internal/failpoint"
)

// finish writes the finished file, then removes the partial file. If the run dies in
// between, both files exist. The next finish writes the same file again, unless the next
// run has added messages to the partial file.
func (o *output) finish(ctx context.Context) error {
	o.fileMu.Lock()
	defer o.fileMu.Unlock()
	partial, err := o.t.folder.Open(o.partial)
	if errors.Is(err, fs.ErrNotExist) {
		if o.begun {
			return errGone
		}
		return nil // see Finish
	}
	if err != nil {
		return err
	}
	defer partial.Close()
	if err := o.writeFinished(ctx, partial); err != nil {
		return err
	}
	failpoint.Hit("finished")
	if err := atomicfile.Remove(o.t.dir, o.partial); err != nil {
		return err
	}
	failpoint.Hit("removed")
	return atomicfile.SyncDir(o.t.dir)
}

// writeFinished writes the finished file, unless the partial file holds no message.
func (o *output) writeFinished(ctx context.Context, partial *os.File) error {
	finished, err := atomicfile.Create(o.t.dir, o.partial+".tmp", 0o640)
	if err != nil {
		return err
	}
	r := newRecordReader(partial, o.start)
	name, err := o.convert(ctx, r, finished)
	if err == nil && r.own < o.accepted {
		err = fmt.Errorf("%w: only %d of the %d bytes that this run has written to %s can be read", errDamaged, r.own, o.accepted, o.partial)
	}
	if err != nil || r.size == 0 {
		return errors.Join(err, finished.Discard())
	}
	return finished.Commit(name)
}

// convert writes the messages of the partial file to dst in the format and compression
// of the options. It returns the name of the finished file.
func (o *output) convert(ctx context.Context, r *recordReader, dst io.Writer) (name string, err error) {
	buffered := bufio.NewWriterSize(dst, 256<<10)
	packed, err := o.t.compress(buffered)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s\n", o.directory) // writing to a hash never fails
	err = r.each(func(record, body []byte) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, _ = sum.Write(record)
		return o.t.writeLines(packed, body)
	})
	if err = errors.Join(err, packed.Close(), buffered.Flush()); err != nil {
		return "", fmt.Errorf("convert %s: %w", o.partial, err)
	}
	if r.torn > 0 {
		o.t.o.Log.Info("torn_record_cut_off", "file", filepath.Join(o.t.o.Path, o.partial), "bytes", r.torn)
	}
	return o.base + "." + hex.EncodeToString(sum.Sum(nil)[:8]) + ".jsonl" + extensions[o.t.o.Compression], nil
}

// writeLines writes a message as lines of the finished file.
func (t *Transport) writeLines(w io.Writer, body []byte) error {
	lines := []json.RawMessage{body}
	if t.o.Format == flows {
		lines = nil
		if err := json.Unmarshal(body, &lines); err != nil {
			return err
		}
	}
	for _, line := range lines {
		if _, err := w.Write(line); err != nil {
			return err
		}
		if _, err := w.Write([]byte("\n")); err != nil {
			return err
		}
	}
	return nil
}

// compress returns a writer that compresses to w.
func (t *Transport) compress(w io.Writer) (io.WriteCloser, error) {
	switch t.o.Compression {
	case "gzip":
		return gzip.NewWriter(w), nil
	case "zstd":
		// With a concurrency of one it starts no goroutine.
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}
	return struct {
		io.Writer
		io.Closer
	}{w, io.NopCloser(nil)}, nil
}
