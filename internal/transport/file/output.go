package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// output is a directory's file in work. Sends that come together share one
// sync: whoever has the turn writes for all that wait.
type output struct {
	file            *Transport
	directory       string // absolute
	compression     string
	base, extension string
	partial         string
	turn            chan struct{} // holds a token while somebody has the turn

	mu      sync.Mutex
	waiting []*record

	// The rest belongs to whoever has the turn.
	known bool  // size is
	size  int64 // of the records that are on the disk
	err   error // why nothing more can be written
}

// record is what one Send adds.
type record struct {
	bytes []byte     // the sender's, who waits for done
	done  chan error // takes the one answer
}

// add returns nil when b is on the disk behind what is there.
func (o *output) add(ctx context.Context, b []byte) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	r := &record{b, make(chan error, 1)}
	o.mu.Lock()
	o.waiting = append(o.waiting, r)
	o.mu.Unlock()
	select {
	case err := <-r.done:
		return err
	case o.turn <- struct{}{}:
		o.write(ctx)
		<-o.turn
	case <-ctx.Done():
		if o.withdraw(r) {
			return context.Cause(ctx)
		}
	}
	return <-r.done // it is written, or being written
}

// withdraw takes r back, if nobody has begun to write it.
func (o *output) withdraw(r *record) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.Index(o.waiting, r)
	if i < 0 {
		return false
	}
	o.waiting = slices.Delete(o.waiting, i, i+1)
	return true
}

// write writes what waits and answers it.
func (o *output) write(ctx context.Context) {
	o.mu.Lock()
	records := o.waiting
	o.waiting = nil
	o.mu.Unlock()
	if len(records) == 0 {
		return
	}
	err := o.commit(ctx, records)
	for _, r := range records {
		r.done <- err
	}
}

func (o *output) commit(ctx context.Context, records []*record) error {
	if o.err != nil {
		return o.err
	}
	f, err := o.open(ctx, os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	end := o.size
	for _, r := range records {
		n, err := f.WriteAt(r.bytes, end)
		end += int64(n)
		if err != nil {
			return o.undo(f, err)
		}
	}
	if err := f.Sync(); err != nil {
		// What the kernel could not write it may have dropped: a later sync
		// would succeed without it.
		err = o.undo(f, err)
		o.err = err
		return err
	}
	o.size = end
	return nil
}

// undo takes away what was written behind the last good record.
func (o *output) undo(f *os.File, err error) error {
	if e := errors.Join(f.Truncate(o.size), f.Sync()); e != nil {
		o.err = fmt.Errorf("%w (and the half-written record could not be removed: %w)", err, e)
		return o.err
	}
	return err
}

// open opens the partial file. Before the first write it cuts off a torn
// record, and has the file's name last.
func (o *output) open(ctx context.Context, flag int) (*os.File, error) {
	if o.known {
		flag = 0 // were it gone now, what it held would be
	}
	f, err := o.file.folder.OpenFile(o.partial, os.O_RDWR|flag, 0o640)
	if err != nil || o.known {
		return f, err
	}
	if err := o.resume(ctx, f); err != nil {
		_ = f.Close()
		return nil, err
	}
	o.known = true
	return f, nil
}

func (o *output) resume(ctx context.Context, f *os.File) error {
	size, err := wholeRecords(ctx, f, o.compression)
	if err != nil {
		return fmt.Errorf("read %s: %w", o.partial, err)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > size {
		o.file.o.Log.Info("torn_record_cut_off",
			"file", f.Name(), "bytes", info.Size()-size)
		if err := f.Truncate(size); err != nil {
			return err
		}
	}
	o.size = size
	return o.file.sync()
}

// finish gives the file its name.
func (o *output) finish(ctx context.Context) error {
	select {
	case o.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-o.turn }()
	if o.err != nil {
		return o.err
	}
	f, err := o.open(ctx, 0)
	if errors.Is(err, fs.ErrNotExist) && !o.known {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if o.size == 0 {
		return o.file.folder.Remove(o.partial)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s\n", o.directory)
	if _, err := io.Copy(sum, &source{ctx: ctx, r: io.NewSectionReader(f, 0, o.size)}); err != nil {
		return fmt.Errorf("read %s: %w", o.partial, err)
	}
	name := o.base + "." + hex.EncodeToString(sum.Sum(nil)[:8]) + o.extension
	if err := o.file.folder.Rename(o.partial, name); err != nil {
		return err
	}
	return o.file.sync()
}
