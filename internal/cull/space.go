package cull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/logdir"
)

// Space is an amount of free space on a disk: bytes, or a share of what its
// users can have.
type Space struct {
	Bytes   int64
	Percent float64
}

// UnmarshalText reads "10%", "50G" (1024³), "50GB" (1000³) or a number of bytes.
func (s *Space) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	wrong := fmt.Errorf("%q is neither a percentage such as 10%% nor an amount such as 50G", text)
	if number, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent > 0 && percent < 100) {
			return wrong
		}
		*s = Space{Percent: percent}
		return nil
	}
	number := strings.TrimRight(text, "BKMGTPibkmgtp")
	unit := strings.ToUpper(text[len(number):])
	factor := 1.0
	if unit != "" && unit != "B" {
		base := 1024.0
		if len(unit) == 2 && unit[1] == 'B' {
			base = 1000
		} else if len(unit) > 1 && unit[1:] != "IB" {
			return wrong
		}
		power := strings.IndexByte("KMGTP", unit[0])
		if power < 0 {
			return wrong
		}
		for range power + 1 {
			factor *= base
		}
	}
	amount, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if amount *= factor; err != nil || !(amount >= 1 && amount < 1<<62) {
		return wrong
	}
	*s = Space{Bytes: int64(amount)}
	return nil
}

// lacking returns how many bytes are missing on the disk of a root.
func (s Space) lacking(root *logdir.Root) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(root.Fd(), &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", root.Path, err)
	}
	block := cmp.Or(st.Frsize, st.Bsize)
	free := int64(st.Bavail) * block
	want := s.Bytes
	if s.Percent > 0 { // of what df counts: blocks kept for root are nobody's
		want = int64(s.Percent / 100 * float64(int64(st.Blocks-st.Bfree+st.Bavail)*block))
	}
	return want - free, nil
}

// device is the file system of a root: several roots may share one.
func device(root *logdir.Root) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(root.Fd(), &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", root.Path, err)
	}
	return st.Dev, nil
}

// makeRoom adds to the plan the oldest directories that are done, until the
// disk of each root has enough free space once all of it has gone.
func (p *planner) makeRoom(ctx context.Context, roots []*logdir.Root, marked []logdir.Entry, plan *Plan) error {
	lacking := map[uint64]int64{}
	disk := map[*logdir.Root]uint64{}
	var failed error
	for _, root := range roots {
		dev, err := device(root)
		if err == nil {
			disk[root] = dev
			lacking[dev], err = p.MinFree.lacking(root)
		}
		failed = errors.Join(failed, err)
	}
	for _, item := range plan.Items {
		lacking[disk[item.Root]] -= item.Disk
	}
	for _, e := range marked {
		dev, known := disk[e.Root]
		if !known || lacking[dev] <= 0 {
			continue
		}
		item, err := p.look(ctx, e, p.early)
		if err != nil {
			return err
		}
		if item != nil {
			plan.Items = append(plan.Items, *item)
			lacking[dev] -= item.Disk
		}
	}
	for _, root := range roots {
		if dev, known := disk[root]; known && lacking[dev] > 0 {
			p.Log.WarnContext(ctx, "disk_short", "directory", root.Path, "bytes_lacking", lacking[dev],
				"remedy", "no more directories are done: see whether tstat_send runs, or free space otherwise")
		}
	}
	return failed
}

// quiet is how long a directory's logs must not have been written before it goes
// early. Tstat, which takes no lock, writes to a directory for about an hour: what
// it still holds in its buffers would go into a deleted file.
const quiet = 2 * time.Hour

// early is expired for a disk that is short: whatever the mark's age, but for
// one from the future. Directories that expired were judged already.
func (p *planner) early(ctx context.Context, d *logdir.Dir) (*Item, error) {
	mark, err := d.ReadProcessed()
	if err != nil || mark.Kind == logdir.None || mark.Time.After(p.now) || p.old(mark.Time) {
		return nil, nil //nolint:nilerr // told when its age was looked at
	}
	written, err := lastWritten(d)
	if err != nil || p.now.Sub(written) < quiet {
		return nil, err
	}
	item, err := done(ctx, d, mark, Short)
	if keep, ok := errors.AsType[*keepError](err); ok && keep.unsent {
		return nil, nil // the next run of tstat_send deals with it
	}
	return item, err
}

// lastWritten is when a log of the directory was last written, or made.
func lastWritten(d *logdir.Dir) (last time.Time, err error) {
	logs, err := d.Logs()
	if err != nil {
		return last, err
	}
	for _, l := range logs {
		f, st, err := d.OpenLog(l)
		if errors.Is(err, fs.ErrNotExist) { // between Logs and now
			continue
		}
		if err != nil {
			return last, err
		}
		_ = f.Close()
		if t := time.Unix(0, st.Mtime); t.After(last) {
			last = t
		}
	}
	return last, nil
}
