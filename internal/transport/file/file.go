// Package file is the transport that writes messages to files, one for each
// directory.
package file

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-json"
	"golang.org/x/sys/unix"

	"tstat-transport/internal/transport"
)

// Options say how File writes.
type Options struct {
	// Path is the folder of the output files. It must exist.
	Path string
	// Format is "messages" (a line is a message's list of flows; the default)
	// or "flows" (a line is a flow).
	Format string
	// Compression of the files: "", "gzip" or "zstd".
	Compression string
	// Log takes warnings. Nil means none.
	Log *slog.Logger
}

// Transport is a transport that writes each directory's messages to a file of its
// own:
//
//	DIRECTORY.HASH.jsonl[.gz|.zst]
//
// HASH is of the directory's path and the file's content. So a file that has
// been there once is never replaced by another, even where files are moved
// away to where others have been moved before: what Tstat adds to a directory
// later becomes a further file.
//
// Until Finish the file has a name that starts with a dot and ends in
// .partial. It holds whole records, each written and synced before its Send
// returns; a later run goes on with it. Each message is a gzip member or zstd
// frame of its own; readers take several in a row for one stream.
type Transport struct {
	o          Options
	folder     *os.Root
	compressor *transport.Compressor
	buffers    sync.Pool // of *[]byte

	mu      sync.Mutex
	outputs map[string]*output // by Message.Directory
}

const (
	partialSuffix = ".partial"
	stale         = 24 * time.Hour
)

var (
	formats    = []string{"messages", "flows"}
	extensions = map[string]string{"": "", "gzip": ".gz", "zstd": ".zst"}
)

// Open opens the folder, and warns of partial files that no run has gone
// on with for a day. Its error is an *transport.Error.
func Open(o Options) (*Transport, error) {
	o.Format = cmp.Or(o.Format, formats[0])
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Transport{o: o, outputs: make(map[string]*output)}
	f.buffers.New = func() any { return new([]byte) }
	var err error
	if f.compressor, err = transport.NewCompressor(o.Compression); err != nil {
		return nil, &transport.Error{Verdict: transport.Misconfigured, Err: fmt.Errorf("file: %w", err)}
	}
	if f.folder, err = os.OpenRoot(o.Path); err != nil {
		if info, e := os.Stat(o.Path); e == nil && !info.IsDir() {
			err = &fs.PathError{Op: "open", Path: o.Path, Err: unix.ENOTDIR}
		}
		return nil, f.explain(err)
	}
	if err := f.warnOfStale(); err != nil {
		_ = f.folder.Close()
		return nil, f.explain(err)
	}
	return f, nil
}

func (f *Transport) warnOfStale() error {
	dir, err := f.folder.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(1024)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), partialSuffix) {
				continue
			}
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > stale {
				f.o.Log.Warn("partial_file_old",
					"file", filepath.Join(f.o.Path, e.Name()), "modified", info.ModTime().Format(time.RFC3339),
					"hint", "its directory was never finished; if the directory is gone for good, rename the file")
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Send returns nil when m is on the disk.
func (f *Transport) Send(ctx context.Context, m *transport.Message) error {
	if len(m.Body) >= maxRecord {
		return &transport.Error{Verdict: transport.TooLarge, Err: fmt.Errorf("file: message %s of %d bytes is larger than the %d that a record may have", m.ID, len(m.Body), maxRecord)}
	}
	plain, packed := f.buffers.Get().(*[]byte), f.buffers.Get().(*[]byte)
	defer f.buffers.Put(plain)
	defer f.buffers.Put(packed)
	var err error
	if *plain, err = f.lines((*plain)[:0], m.Body); err != nil {
		return f.explain(fmt.Errorf("message %s: %w", m.ID, err))
	}
	record := *plain
	if f.compressor.Name() != "" {
		*packed = f.compressor.Append((*packed)[:0], *plain)
		record = *packed
	}
	out, err := f.output(m.Directory)
	if err == nil {
		err = out.add(ctx, record)
	}
	if err != nil {
		return f.explain(fmt.Errorf("message %s: %w", m.ID, err))
	}
	return nil
}

var errNoLine = errors.New("its body is not compact JSON: this is a fault of the program")

// lines appends a message's lines to dst.
func (f *Transport) lines(dst, body []byte) ([]byte, error) {
	if f.o.Format == formats[0] {
		dst = append(append(dst, body...), '\n')
		if !isLine(dst) {
			return dst, errNoLine
		}
		return dst, nil
	}
	var flows []json.RawMessage
	if err := json.Unmarshal(body, &flows); err != nil {
		return dst, err
	}
	for _, flow := range flows {
		start := len(dst)
		dst = append(append(dst, flow...), '\n')
		if !isLine(dst[start:]) {
			return dst, errNoLine
		}
	}
	return dst, nil
}

// Finish gives the directory's file its name; without one there is nothing to
// do. A file that was begun with other settings is finished as it was begun.
func (f *Transport) Finish(ctx context.Context, _, directory string) error {
	for _, format := range formats {
		for compression := range extensions {
			out, err := f.output(directory)
			if format != f.o.Format || compression != f.o.Compression {
				out, err = f.newOutput(directory, format, compression)
			}
			if err == nil {
				err = out.finish(ctx)
			}
			if err != nil {
				return f.explain(err)
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.outputs, directory)
	return nil
}

// Close leaves what is not finished to a later run.
func (f *Transport) Close(context.Context) error { return f.folder.Close() }

// output returns the file in work of a directory.
func (f *Transport) output(directory string) (*output, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if out := f.outputs[directory]; out != nil {
		return out, nil
	}
	out, err := f.newOutput(directory, f.o.Format, f.o.Compression)
	if err == nil {
		f.outputs[directory] = out
	}
	return out, err
}

func (f *Transport) newOutput(directory, format, compression string) (*output, error) {
	// The same whatever directory a run is started in.
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	const longest = 200 // of the 255 bytes that a name may have
	name := filepath.Base(directory)
	name = strings.ToValidUTF8(name[:min(len(name), longest)], "_")
	sum := sha256.Sum256([]byte(directory))
	extension := ".jsonl" + extensions[compression]
	return &output{
		file: f, directory: directory, compression: compression, base: name, extension: extension,
		partial: "." + name + "." + hex.EncodeToString(sum[:8]) + "." + format + extension + partialSuffix,
		turn:    make(chan struct{}, 1),
	}, nil
}

// sync makes the names in the folder durable.
func (f *Transport) sync() error {
	dir, err := f.folder.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

// explain makes an *transport.Error of err.
func (f *Transport) explain(err error) *transport.Error {
	kind, remedy := transport.Retry, ""
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		remedy = ": free space, or raise the quota"
	case errors.Is(err, fs.ErrPermission):
		kind, remedy = transport.Refused, ": let the user that this runs as write there"
	case errors.Is(err, unix.EROFS):
		kind, remedy = transport.Misconfigured, ": mount it to be written to, or correct path in [file]"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		kind, remedy = transport.Misconfigured, ": create the folder, or correct path in [file]"
	}
	return &transport.Error{Verdict: kind, Err: fmt.Errorf("file %s: %w%s", f.o.Path, err, remedy)}
}
