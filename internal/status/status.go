package status

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tstat-transport/internal/logdir"
)

// State says whether a directory is pending, and why.
type State string

// The states. If several fit, the first in this order is reported.
const (
	Locked      State = "locked"       // a run works on the directory
	Unreadable  State = "unreadable"   // the directory, a log or .processed cannot be read
	Failed      State = "failed"       // a run failed to finish the directory and recorded the error
	DamagedMark State = "damaged_mark" // the directory has a .processed that cannot be used
	ZeroBytes   State = "zero_bytes"   // rows may still appear where a log has zero bytes
	Unfinished  State = "unfinished"   // a run was killed or stopped while it worked on the directory
	Untried     State = "untried"      // no run has worked on the directory yet
	Changed     State = "changed"      // Tstat has written to the directory since it was marked
	Sent        State = "sent"         // the directory is not pending
)

// Directory is a pending directory.
type Directory struct {
	Path  string `json:"directory"`
	State State  `json:"state"`
	// Error is the cause of Unreadable, Failed, DamagedMark and ZeroBytes, and of
	// Unfinished if its .processing cannot be used.
	Error string `json:"error,omitempty"`
	// Process is the id of the process that holds the lock.
	Process int `json:"process,omitempty"`
	// Bytes is the number of unconfirmed bytes: uncompressed, and estimated for a
	// compressed log.
	Bytes int64 `json:"bytes"`
	// Since is when Tstat started the directory; the zero time if it is unknown.
	Since time.Time `json:"since,omitzero"`
	// AgeSeconds is the time since then; 0 if Since is unknown or in the future.
	AgeSeconds int64 `json:"age_seconds"`
}

// Root is a root, with an error if it cannot be read.
type Root struct {
	Path     string `json:"root"`
	Instance string `json:"instance"`
	Error    string `json:"error,omitempty"`
	// Process is the id of the process whose run has locked the root; 0 for none.
	Process int `json:"process,omitempty"`
	// Found counts the directories of logs, pending and done.
	Found int `json:"found"`
}

// Report lists the directories that are pending at a time.
type Report struct {
	Time        time.Time   `json:"time"`
	Roots       []Root      `json:"roots"`
	Directories []Directory `json:"directories"` // first those that cannot be entered, then the others in the order of logdir.Sort
	Bytes       int64       `json:"bytes"`       // of all directories
}

// Unreadable reports whether a root could not be read.
func (r *Report) Unreadable() bool {
	return slices.ContainsFunc(r.Roots, func(root Root) bool { return root.Error != "" })
}

// Collect inspects the directories below the roots, with the given number of goroutines.
// The roots need only Path and Instance. Collect returns an error only if ctx ends; other
// errors are in the Report.
func Collect(ctx context.Context, roots []Root, workers int) (*Report, error) {
	report := &Report{Time: time.Now(), Directories: []Directory{}}
	locks := logdir.ReadLocks()
	var entries []logdir.Entry
	for _, root := range roots {
		open, err := logdir.OpenRoot(root.Path)
		if err == nil {
			defer open.Close()
			root.Process = locks.Holder(open)
			var found []logdir.Entry
			found, err = open.Find(ctx, func(path string, err error) {
				if !logdir.IsHarmless(path, err) {
					report.Directories = append(report.Directories, Directory{Path: path, State: Unreadable, Error: err.Error()})
				}
			})
			root.Found = len(found)
			entries = append(entries, found...)
		}
		if err != nil {
			root.Error = err.Error()
		}
		report.Roots = append(report.Roots, root)
	}
	logdir.Sort(entries)
	pending, err := inspectAll(ctx, entries, locks, workers)
	for _, d := range pending {
		if d.State == "" {
			continue
		}
		if !d.Since.IsZero() {
			d.AgeSeconds = max(0, int64(report.Time.Sub(d.Since).Seconds()))
		}
		report.Bytes += d.Bytes
		report.Directories = append(report.Directories, d)
	}
	return report, err
}

// inspectAll returns a Directory for each entry. Its State is empty if the directory is
// not pending.
func inspectAll(ctx context.Context, entries []logdir.Entry, locks logdir.Locks, workers int) ([]Directory, error) {
	directories := make([]Directory, len(entries))
	var g errgroup.Group
	g.SetLimit(workers)
	for i, e := range entries {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if found, done := logdir.Inspect(e); !done {
				directories[i] = describe(e.Path(), found, locks)
			}
			return nil
		})
	}
	_ = g.Wait()
	return directories, ctx.Err()
}

// describe returns the Directory of a pending directory.
func describe(path string, found logdir.Inspection, locks logdir.Locks) Directory {
	d := Directory{
		Path: path, Bytes: found.Bytes, Since: found.Since,
		Process: locks.HolderOf(found.Dev, found.Ino),
	}
	switch {
	case d.Process != 0:
		d.State = Locked
	case found.Err != nil:
		d.State, d.Error = Unreadable, found.Err.Error()
	case found.Progress.Error != "":
		d.State, d.Error = Failed, found.Progress.Error
	case found.Mark.Damaged != nil:
		d.State, d.Error = DamagedMark, found.Mark.Damaged.Error()
	case len(found.Zeros) > 0:
		d.State, d.Error = ZeroBytes, "zero bytes in "+strings.Join(found.Zeros, " and ")+": rows may still appear there"
	case found.ProgressErr != nil:
		d.State, d.Error = Unfinished, found.ProgressErr.Error()
	case found.Begun:
		d.State = Unfinished
	case found.Mark.Kind == logdir.None:
		d.State = Untried
	default:
		d.State = Changed
	}
	return d
}
