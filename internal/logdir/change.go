package logdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Change is the result of comparing a log with its recorded state.
type Change uint8

const (
	Unchanged Change = iota // its content is as the mark records it
	Grown                   // the log may have new rows after LogState.Position or in its holes
	New                     // no state is recorded: the log is sent from its start
	Replaced                // the file is smaller or holds another log: it is sent from its start, with a warning
)

func (c Change) String() string {
	return [...]string{"unchanged", "has grown", "is new", "was replaced"}[c]
}

// Resume returns the state from which reading of an open log must resume; it is the zero
// state for New and Replaced. f and st must come from OpenLog. Resume reads f only with
// ReadAt. If both the mark and .processing have a state that fits the log, as after a
// crash, the state that is further counts. But if .processing records this very file, which
// has changed since the mark, .processing counts: the file may have become shorter.
//
// If the log is Unchanged but was touched or copied, the returned state records the file as
// it is now. Once this state is written to the mark, [UpToDate] recognizes the file again.
//
// Resume never returns Unchanged for a .gz that has changed since the mark: whether the .gz
// holds anything new is known only after it is read.
func (d *Dir) Resume(ctx context.Context, log Log, f *os.File, st Stat, mark Mark, unfinished State) (from LogState, c Change, err error) {
	known, fits := false, false // whether a state has the log, and whether one fits it
	for i, state := range []State{mark.State, unfinished} {
		isMark := i == 0 // a log that only .processing confirms is never Unchanged: the mark must be written
		ls, ok := state.of(log)
		if !ok {
			continue
		}
		known = true
		if isMark && ls.sameFile(st, log.Gzip) {
			return ls, Unchanged, nil
		}
		change, err := verify(ctx, f, log, st, ls)
		if err != nil {
			return LogState{}, Replaced, err
		}
		if isMark && change == Unchanged {
			ls.SetFile(log, st)
			return ls, Unchanged, nil
		}
		if change != Replaced && (!fits || ls.further(from) || ls.sameFile(st, log.Gzip)) {
			from, fits = ls, true
		}
	}
	switch {
	case fits:
		return from, Grown, nil
	case known:
		return LogState{}, Replaced, nil
	}
	return LogState{}, New, nil
}

// verify compares a log with its state by fingerprint and length. A .gz with the right
// fingerprint counts as Grown, since its length is known only after reading all of it.
func verify(ctx context.Context, f *os.File, log Log, st Stat, ls LogState) (Change, error) {
	_, _, same, err := readFingerprinted(ctx, f, log, st, ls)
	switch {
	case err != nil || !same:
		return Replaced, err
	case log.Gzip:
		return Grown, nil
	}
	return ls.compareLength(st.Size), nil
}

// verifyToEnd is like verify but reads a .gz to its end.
func verifyToEnd(ctx context.Context, f *os.File, log Log, st Stat, ls LogState) (Change, error) {
	rest, covered, same, err := readFingerprinted(ctx, f, log, st, ls)
	if err != nil || !same {
		return Replaced, err
	}
	n, err := io.Copy(io.Discard, rest)
	if err != nil && !atEnd(err) {
		return Replaced, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return ls.compareLength(covered + n), nil
}

// readFingerprinted reads the bytes of a log that the state's fingerprint covers, and
// reports whether they have this fingerprint. covered is the number of these bytes. rest
// reads the bytes after them.
func readFingerprinted(ctx context.Context, f *os.File, log Log, st Stat, ls LogState) (rest io.Reader, covered int64, same bool, err error) {
	rest = io.NewSectionReader(f, 0, st.Size)
	if log.Gzip {
		rest, err = Uncompressed(ctx, f, st.Size)
	}
	if err == nil {
		covered, same, err = matches(rest, ls.Fingerprint)
	}
	if err != nil {
		return nil, 0, false, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return rest, covered, same, nil
}

// compareLength returns the Change of a log that has the right fingerprint and this
// uncompressed length.
func (l *LogState) compareLength(length int64) Change {
	atLeast := l.End
	if l.ZeroTail { // the zero bytes after Position may be gone
		atLeast = l.Position
	}
	wholeLines := l.Position == l.End && len(l.Holes) == 0 // else new rows need not make the log longer
	switch {
	case length < atLeast:
		return Replaced
	case length == l.End && wholeLines:
		return Unchanged
	}
	return Grown
}

// atEnd reports whether err is the end of a log. The compressed data of a log that is still
// being written can end anywhere.
func atEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// readFunc is an io.Reader made of its Read method.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// until returns a reader of r that fails once ctx has ended.
func until(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(b)
	})
}

// Unsent returns the reason why a directory with the state s in its mark is not done. The
// reason is empty if every existing log is Unchanged. Unsent reads a log only if size,
// inode or time differ from the mark; it then reads a .gz to its end.
func (d *Dir) Unsent(ctx context.Context, s State) (reason string, err error) {
	logs, err := d.Logs(ctx, s)
	if err != nil {
		return "", err
	}
	for _, log := range logs {
		ls, ok := s.of(log)
		if !ok {
			return log.File() + " is new", nil
		}
		c, err := d.compare(ctx, log, ls)
		if errors.Is(err, fs.ErrNotExist) { // between Logs and now
			return log.File() + " has just gone", nil
		}
		if err != nil {
			return "", err
		}
		if c != Unchanged {
			return log.File() + " " + c.String(), nil
		}
	}
	return "", nil
}

// compare compares a log with its state. It reads the log only if the Stat differs from
// the state.
func (d *Dir) compare(ctx context.Context, log Log, ls LogState) (Change, error) {
	f, st, err := d.OpenLog(log)
	if err != nil {
		return Replaced, err
	}
	defer f.Close()
	if ls.sameFile(st, log.Gzip) {
		return Unchanged, nil
	}
	if !log.Gzip {
		return verify(ctx, f, log, st, ls)
	}
	return verifyToEnd(ctx, f, log, st, ls)
}
