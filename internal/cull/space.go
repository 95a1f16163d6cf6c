package cull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/logdir"
)

// Space is an amount of free space on a disk: bytes, or a percentage of the space that
// users can have.
type Space struct {
	Bytes   int64
	Percent float64
}

// UnmarshalText parses a percentage such as "10%", or an amount with its unit, as
// cli.ParseSize does. A number without a unit is an error: the user who writes "5"
// means 5% or 5G, not five bytes.
func (s *Space) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	wrong := fmt.Errorf("%q is neither a percentage such as 10%% nor an amount such as 50G or 50Gi", text)
	if share, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(percent > 0 && percent < 100) {
			return wrong
		}
		*s = Space{Percent: percent}
		return nil
	}
	amount, hasUnit, err := cli.ParseSize(text)
	switch {
	case err != nil || !(amount >= 1 && amount < 1<<62):
		return wrong
	case !hasUnit:
		return fmt.Errorf("%q has no unit: write %s%% or %sG", text, text, text)
	}
	*s = Space{Bytes: int64(amount)}
	return nil
}

// lacking returns how many bytes are missing on the disk of a root. The number is negative
// if more is free than s asks for.
func (s Space) lacking(root *logdir.Root) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(root.Fd(), &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", root.Path, err)
	}
	block := cmp.Or(st.Frsize, st.Bsize)
	free := int64(st.Bavail) * block
	want := s.Bytes
	if s.Percent > 0 { // like df, without the blocks that are reserved for root
		want = int64(s.Percent / 100 * float64(int64(st.Blocks-st.Bfree+st.Bavail)*block))
	}
	return want - free, nil
}

// device returns the file system of a root. Several roots may share a file system.
func device(root *logdir.Root) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(root.Fd(), &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", root.Path, err)
	}
	return st.Dev, nil
}

// spaceLacking records how many bytes will be lacking on each disk after the plan is
// executed. In the zero spaceLacking no disk lacks any. Its methods may be called from many
// goroutines at once.
type spaceLacking struct {
	mu     sync.Mutex
	bytes  map[uint64]int64 // by device; negative if more is free than asked for
	device map[*logdir.Root]uint64
}

// add adds n bytes to what is lacking on the disk of a root, if the disk is known. n is
// negative for a directory that is put into the plan, and positive for a planned directory
// that is not deleted.
func (l *spaceLacking) add(root *logdir.Root, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if dev, ok := l.device[root]; ok {
		l.bytes[dev] += n
	}
}

// of returns how many bytes are lacking on the disk of a root; at least 0.
func (l *spaceLacking) of(root *logdir.Root) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if dev, ok := l.device[root]; ok {
		return max(0, l.bytes[dev])
	}
	return 0
}

// makeRoom adds the oldest sent directories to the plan, until the plan frees enough
// space on the disk of each root. The error is ctx's.
func (p *Plan) makeRoom(ctx context.Context, found []logdir.Entry) error {
	l := &spaceLacking{bytes: map[uint64]int64{}, device: map[*logdir.Root]uint64{}}
	p.space = l
	for _, root := range p.roots {
		dev, err := device(root)
		if err == nil {
			l.device[root] = dev
			l.bytes[dev], err = p.culler.MinFree.lacking(root)
		}
		if err != nil {
			p.unreadable[root] = errors.Join(p.unreadable[root], err)
		}
	}
	for _, item := range p.Items {
		l.add(item.Root, -item.Disk)
	}
	for _, e := range found {
		if l.of(e.Root) == 0 {
			continue
		}
		item, err := p.culler.examine(ctx, e, p.culler.expiredForSpace)
		if err != nil {
			return err
		}
		if item != nil {
			p.Items = append(p.Items, *item)
			l.add(item.Root, -item.Disk)
		}
	}
	return nil
}

// minIdle is how long Tstat must not have written to a directory's logs before the
// directory is deleted for space. Tstat takes no lock and writes to a directory for
// about an hour: rows in its buffers would go into a deleted file.
const minIdle = 2 * time.Hour

// expiredForSpace is like expired but ignores the TTL. A mark dated in the future
// still protects its directory, and so do zero bytes in a log. expiredForSpace returns
// nil for a directory that expired has already put into the plan or reported.
func (c *culler) expiredForSpace(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := d.ReadProcessed()
	if err != nil || mark.Kind == logdir.None || mark.Time.After(c.now) || c.old(mark.Time) {
		return nil, nil //nolint:nilerr // expired has recorded the error
	}
	if hasZeros(mark) {
		return nil, nil
	}
	written, err := newest(d, func(st logdir.Stat) int64 { return st.Mtime })
	if err != nil || c.now.Sub(written) < minIdle {
		return nil, err
	}
	item, err := examineMarked(ctx, d, mark, LowSpace)
	if keep, ok := errors.AsType[*keepError](err); ok && keep.as == asChanged {
		return nil, nil // no warning: the directory is not due, and tstat_send sends the rest
	}
	return item, err
}
