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

// output is what becomes of a directory's messages: a partial file, then the
// finished one. Sends that come together share one write and one sync.
type output struct {
	t         *Transport
	directory string // absolute
	base      string // what the finished file's name starts with
	partial   string // the partial file's name

	mu   sync.Mutex
	next *group // takes records until its commit begins; nil if there is none

	turn sync.Mutex // held while the partial file is used; guards the rest
	size int64      // of the records in the partial file that are on the disk; -1 until the file has been read
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

// commit waits for the commit before it, while which more Sends join g.
func (o *output) commit(ctx context.Context, g *group) {
	o.turn.Lock()
	defer o.turn.Unlock()
	o.mu.Lock()
	o.next = nil
	o.mu.Unlock()
	g.err = o.write(ctx, g.records)
	close(g.done)
}

// write makes records durable behind those that are. After an error it adds
// nothing more in this run: the kernel may have dropped what it could not
// write, and a later sync would succeed without it.
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
		// No O_CREATE: were the file gone, what it held would be lost.
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
