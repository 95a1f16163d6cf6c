package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"tstat-transport/internal/atomicfile"
	"tstat-transport/internal/failpoint"
	"tstat-transport/internal/transport"
)

// output writes the partial file and the finished file of a directory. Sends that
// come together share one write and one sync.
type output struct {
	t         *Transport
	directory string // absolute
	base      string // the finished file's name starts with it
	partial   string // the partial file's name

	mu   sync.Mutex
	next *group // the group that Sends join, until its commit begins; nil if there is none

	turn sync.Mutex // held while the partial file is used; guards the rest
	size int64      // of all records in the partial file; -1 before the file has been read
	err  error      // why nothing more can be added
}

// group is the records of Sends that came together.
type group struct {
	records []byte
	done    chan struct{} // closed once err is set
	err     error
}

func newOutput(t *Transport, directory string) *output {
	const longest = 200 // of the 255 bytes that a name may have
	base := filepath.Base(directory)
	base = strings.ToValidUTF8(base[:min(len(base), longest)], "_")
	sum := sha256.Sum256([]byte(directory))
	return &output{
		t: t, directory: directory, base: base,
		partial: "." + base + "." + hex.EncodeToString(sum[:8]) + partialSuffix,
		size:    -1,
	}
}

// add returns nil when m is on the disk. The first Send of a group commits the
// group.
func (o *output) add(ctx context.Context, m *transport.Message) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o.mu.Lock()
	g := o.next
	first := g == nil
	if first {
		g = &group{done: make(chan struct{})}
		o.next = g
	}
	g.records = appendRecord(g.records, m)
	o.mu.Unlock()
	if first {
		o.commit(ctx, g)
		return g.err
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// commit writes g once the commit before it has ended. Until then more Sends
// join g.
func (o *output) commit(ctx context.Context, g *group) {
	o.turn.Lock()
	defer o.turn.Unlock()
	o.mu.Lock()
	o.next = nil
	o.mu.Unlock()
	g.err = o.write(ctx, g.records)
	close(g.done)
}

// write appends records to the partial file and syncs it. After an error it
// appends nothing more in this run: the kernel may have dropped what it could
// not write, and a later sync would succeed without that.
func (o *output) write(ctx context.Context, records []byte) error {
	if o.err != nil {
		return o.err
	}
	f, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(records, o.size)
	failpoint.Hit("appended")
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		if e := errors.Join(f.Truncate(o.size), f.Sync()); e != nil {
			err = fmt.Errorf("%w (and the unfinished records could not be removed: %w)", err, e)
		}
		o.err = err
		return err
	}
	o.size += int64(len(records))
	return nil
}

// open opens the partial file to add to it. The first time it creates the file,
// or cuts off what an earlier run left behind its last whole record.
func (o *output) open(ctx context.Context) (*os.File, error) {
	if o.size >= 0 {
		// No O_CREATE: a new file would hide that the records are gone.
		return o.t.folder.OpenFile(o.partial, os.O_RDWR, 0)
	}
	f, err := o.t.folder.OpenFile(o.partial, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := o.resume(ctx, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// resume reads the partial file, truncates it behind its last whole record, and
// makes its name durable.
func (o *output) resume(ctx context.Context, f *os.File) error {
	size, err := o.readRecords(ctx, f, func(_, _ []byte) error { return nil })
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(o.t.dir); err != nil {
		return err
	}
	o.size = size
	return nil
}
