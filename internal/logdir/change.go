package logdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Change says how a log stands to what a state file says of it.
type Change uint8

const (
	Unchanged Change = iota // all of it is confirmed
	Grown                   // it goes on at LogState.Position; a .gz perhaps
	New                     // no state file knows it: it is sent whole
	Replaced                // it is smaller or another log: it is sent whole, with a warning
)

func (c Change) String() string {
	return [...]string{"unchanged", "has grown", "is new", "was replaced"}[c]
}

// Resume says where reading of an open log starts: from holds the state to go
// on from, zero for New and Replaced. f and st are OpenLog's; f is read only
// by offset and stays where it was. Of two states that both fit, as a crash
// may leave them, the one that is further counts.
//
// Unchanged with a from that differs from the mark's means the same content in
// another file, touched or copied; with that from in its mark, [UpToDate] sees it.
//
// For a .gz that is not the very file of the mark, Grown means perhaps: only
// reading it will tell.
func (d *Dir) Resume(ctx context.Context, log Log, f *os.File, st Stat, mark Mark, unfinished State) (from LogState, c Change, err error) {
	known := false
	for i, state := range []State{mark.State, unfinished} {
		ls, ok := state.of(log)
		if !ok {
			continue
		}
		known = true
		if i == 0 && ls.sameFile(st, log.Gzip) {
			return ls, Unchanged, nil
		}
		v, err := verify(ctx, f, log, st, ls, false)
		if err != nil {
			return LogState{}, Replaced, err
		}
		if i == 0 && v == Unchanged {
			ls.SetFile(log, st)
			return ls, Unchanged, nil
		}
		if v != Replaced && (c != Grown || ls.further(from)) {
			from, c = ls, Grown
		}
	}
	switch {
	case c == Grown:
		return from, Grown, nil
	case known:
		return LogState{}, Replaced, nil
	}
	return LogState{}, New, nil
}

// verify compares a log with its state by fingerprint and length. The length
// of a .gz is known only when all of it has been read, which is done for whole;
// otherwise it counts as Grown.
func verify(ctx context.Context, f *os.File, log Log, st Stat, ls LogState, whole bool) (Change, error) {
	var r io.Reader = io.NewSectionReader(f, 0, st.Size)
	if log.Gzip {
		var err error
		if r, err = Uncompressed(ctx, f, st.Size); err != nil {
			return Replaced, fmt.Errorf("read %s: %w", f.Name(), err)
		}
	}
	hashed, same, err := matches(r, ls.Fingerprint)
	if err != nil {
		return Replaced, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if !same {
		return Replaced, nil
	}
	length := st.Size
	if log.Gzip {
		if !whole {
			return Grown, nil
		}
		rest, err := io.Copy(io.Discard, r)
		if err != nil && !cut(err) {
			return Replaced, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		length = hashed + rest
	}
	switch {
	case length < ls.End && !(ls.ZeroTail && length >= ls.Position): // zero bytes may be cut off again
		return Replaced, nil
	case length == ls.End && ls.understood():
		return Unchanged, nil
	}
	return Grown, nil
}

// cut tells whether err is that of a stream that ends before it is complete,
// as that of a log which is still being written does.
func cut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// readFunc is a read until a context ends.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

func until(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(b)
	})
}

// Unsent says why the directory is not done, given the state in its mark: the
// log and what is with it. It is empty where every log is confirmed to its
// end. Logs that are gone do not matter. Where sizes, inodes and times are
// those of the mark it only looks at these; else it reads what it must, all of
// a .gz.
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

// compare is verify to the last byte.
func (d *Dir) compare(ctx context.Context, log Log, ls LogState) (Change, error) {
	f, st, err := d.OpenLog(log)
	if err != nil {
		return Replaced, err
	}
	defer f.Close()
	if ls.sameFile(st, log.Gzip) {
		return Unchanged, nil
	}
	return verify(ctx, f, log, st, ls, true)
}
