// Package file is the transport that writes messages to files, one for each
// directory.
package file

import (
	"cmp"
	"context"
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

	"golang.org/x/sys/unix"

	"tstat-transport/internal/transport"
)

// Options configure a Transport.
type Options struct {
	// Path is the folder of the output files. It must exist.
	Path string
	// Format is "messages" (a line is a message's list of flows; the default)
	// or "flows" (a line is a flow).
	Format string
	// Compression of the files: "", "gzip" or "zstd".
	Compression string
	// Log takes warnings, and torn records at level info. Nil means none.
	Log *slog.Logger
}

// Transport is a transport that writes the messages of each directory to two files, first
// to the partial file and then to the finished file:
//
//	.DIRECTORY.PATHHASH.partial
//	DIRECTORY.HASH.jsonl[.gz|.zst]
//
// Send adds messages to the partial file, in the form that record.go describes. A later
// run goes on with that file, since PATHHASH is a hash of the directory's path alone.
//
// Finish reads the partial file once, and writes its messages to the finished file in the
// format and compression of the options. HASH is a hash of the directory's path and of all
// messages with their ids. So two files with different messages never have the same name,
// even if the files of several sensors or runs are moved into one folder.
type Transport struct {
	o      Options
	folder *os.Root
	dir    *os.File // the folder again, for atomicfile

	mu      sync.Mutex
	outputs map[string]*output // by Message.Directory
}

const (
	partialSuffix = ".partial"
	// staleAfter is the age after which Open warns of a partial file.
	staleAfter = 24 * time.Hour
)

// The formats.
const (
	messages = "messages"
	flows    = "flows"
)

var extensions = map[string]string{"": "", "gzip": ".gz", "zstd": ".zst"}

// Open opens the folder, and warns of partial files that have not changed for a
// day. Its error is a *transport.Error.
func Open(o Options) (*Transport, error) {
	o.Format = cmp.Or(o.Format, messages)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Transport{o: o, outputs: make(map[string]*output)}
	if _, ok := extensions[o.Compression]; !ok {
		return nil, &transport.Error{Verdict: transport.Misconfigured,
			Err: fmt.Errorf("file: compression %q is not known: leave it empty or give gzip or zstd", o.Compression)}
	}
	var err error
	if t.folder, err = os.OpenRoot(o.Path); err != nil {
		// If the path is a file, the error of OpenRoot has no type that wrap knows.
		if info, e := os.Stat(o.Path); e == nil && !info.IsDir() {
			err = &fs.PathError{Op: "open", Path: o.Path, Err: unix.ENOTDIR}
		}
		return nil, t.wrap(err)
	}
	if t.dir, err = t.folder.Open("."); err == nil {
		err = t.warnOfStale()
	}
	if err != nil {
		_ = t.Close(context.Background())
		return nil, t.wrap(err)
	}
	return t, nil
}

// warnOfStale logs each partial file that has not changed for staleAfter.
func (t *Transport) warnOfStale() error {
	for {
		entries, err := t.dir.ReadDir(1024)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), partialSuffix) {
				continue
			}
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
				t.o.Log.Warn("partial_file_old",
					"file", filepath.Join(t.o.Path, e.Name()), "modified", info.ModTime().Format(time.RFC3339),
					"hint", "no run has finished the directory of this file; if the directory no longer exists, cut -d' ' -f3- prints the messages in the file")
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
func (t *Transport) Send(ctx context.Context, m *transport.Message) error {
	if err := t.add(ctx, m); err != nil {
		return t.wrap(fmt.Errorf("message %s: %w", m.ID, err))
	}
	return nil
}

func (t *Transport) add(ctx context.Context, m *transport.Message) error {
	switch {
	case len(m.Body) >= maxBody:
		return errTooLarge
	case !isCompact(m.Body):
		return errNotCompact
	}
	out, err := t.output(m.Directory)
	if err != nil {
		return err
	}
	return out.add(ctx, m)
}

// Finish turns the directory's partial file into its finished file. If there is no
// partial file, and this run has written no message of the directory, Finish does nothing:
// no run has written a message, or an earlier run has ended between Finish and the mark.
func (t *Transport) Finish(ctx context.Context, _, directory string) error {
	out, err := t.output(directory)
	if err == nil {
		err = out.finish(ctx)
	}
	if err != nil {
		return t.wrap(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.outputs, directory)
	return nil
}

// Close closes the folder. It leaves partial files for a later run.
func (t *Transport) Close(context.Context) error {
	return errors.Join(t.dir.Close(), t.folder.Close())
}

// output returns the output of a directory, and makes it if it does not exist yet.
func (t *Transport) output(directory string) (*output, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if out := t.outputs[directory]; out != nil {
		return out, nil
	}
	// The absolute path makes the name independent of the working directory.
	path, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	out := newOutput(t, path)
	t.outputs[directory] = out
	return out, nil
}

// wrap makes err a *transport.Error: it adds the verdict and the remedy.
func (t *Transport) wrap(err error) *transport.Error {
	verdict, remedy := transport.Retry, ""
	switch {
	case errors.Is(err, errTooLarge):
		verdict = transport.TooLarge
	case errors.Is(err, errGone), errors.Is(err, errDamaged): // the next run counts the messages as sent
		verdict, remedy = transport.Misconfigured, ": send the directory again with --resend"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		remedy = ": free space, or raise the quota"
	case errors.Is(err, fs.ErrPermission):
		verdict, remedy = transport.Refused, ": let the user of this program write to the folder"
	case errors.Is(err, unix.EROFS):
		verdict, remedy = transport.Misconfigured, ": mount the folder writable, or correct path in [file]"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		verdict, remedy = transport.Misconfigured, ": create the folder, or correct path in [file]"
	}
	return &transport.Error{Verdict: verdict, Err: fmt.Errorf("file %s: %w%s", t.o.Path, err, remedy)}
}
