package logdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/fastparse"
)

// pair holds the files of a log name: the plain file, the .gz, or both. Both programs use
// [Dir.Logs], which uses pair, so they never disagree about which files are logs.
type pair struct {
	name          string // of the plain file
	plain, packed *Stat  // the plain file and the .gz; nil if the file does not exist
}

// pairing tells which files of a pair are logs.
type pairing uint8

const (
	undecided   pairing = iota
	noLog               // neither file is there, or it is unknown which log the .gz is
	plainLog            // the plain file; a .gz beside it holds nothing more
	packedLog           // the .gz; a plain file beside it holds nothing more
	bothLogs            // both, each for itself
	packedApart         // the .gz, which was a log for itself; the plain file has gone or cannot be read
)

// statPair returns the files of the log called name in the directory at.
func statPair(at int, name string) (p pair, err error) {
	p.name = name
	if p.plain, err = statAt(at, name); err != nil {
		return p, err
	}
	p.packed, err = statAt(at, name+gz)
	return p, err
}

// statAt returns nil if there is no such file.
func statAt(at int, name string) (*Stat, error) {
	var st unix.Stat_t
	_, err := retry(func() (int, error) { return 0, unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err == unix.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return new(statOf(&st)), nil
}

// recordedPairing returns the pairing that the state records, if the Stats of both files
// are those in the state; else it returns undecided.
func (s State) recordedPairing(p pair) pairing {
	if p.plain == nil && p.packed == nil {
		return noLog
	}
	ls := s.Logs[p.name]
	apart, known := s.Logs[p.name+gz]
	apartSame := known && p.packed != nil && apart.sameFile(*p.packed, true)
	switch {
	case p.plain != nil && ls.sameFile(*p.plain, false):
		if p.packed == nil || ls.Beside.sameFile(*p.packed) {
			return plainLog
		}
		if apartSame {
			return bothLogs
		}
	case p.packed != nil && ls.sameFile(*p.packed, true):
		if p.plain == nil || ls.Beside.sameFile(*p.plain) {
			return packedLog
		}
	case p.plain == nil && apartSame:
		return packedApart
	}
	return undecided
}

// decidePairing returns the pairing of p. It compares the files only if no state records
// the pairing.
func (d *Dir) decidePairing(ctx context.Context, p pair, states []State) (pairing, error) {
	for _, s := range states {
		if known := s.recordedPairing(p); known != undecided {
			return known, nil
		}
	}
	switch {
	case p.plain == nil && p.packed == nil:
		return noLog, nil
	case p.packed == nil:
		return plainLog, nil
	case p.plain == nil:
		return d.decideLoneGzip(ctx, p, states)
	}
	which, err := d.openAndCompare(ctx, p)
	if err == nil || which != packedLog {
		return which, err
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // the plain file has just gone
	}
	which, loneErr := d.decideLoneGzip(ctx, p, states)
	return which, errors.Join(err, loneErr)
}

// openAndCompare opens both files of a pair and compares them as comparePair does.
func (d *Dir) openAndCompare(ctx context.Context, p pair) (pairing, error) {
	plain, _, err := d.openRegular(p.name)
	if err != nil {
		return packedLog, err
	}
	defer plain.Close()
	packed, st, err := d.openRegular(p.name + gz)
	if err != nil {
		return plainLog, err
	}
	defer packed.Close()
	return comparePair(ctx, plain, packed, st.Size)
}

// decideLoneGzip returns the pairing of a .gz without a plain file that can be read. It is
// packedApart if the .gz was a log of its own beside the plain file. If that cannot be
// decided because the .gz cannot be read, the pairing is noLog.
func (d *Dir) decideLoneGzip(ctx context.Context, p pair, states []State) (pairing, error) {
	for _, s := range states {
		apart, ok := s.Logs[p.name+gz]
		if !ok {
			continue
		}
		f, st, err := d.openRegular(p.name + gz)
		if errors.Is(err, fs.ErrNotExist) {
			return packedLog, err // OpenLog reports that the .gz has just gone
		}
		if err != nil {
			return noLog, err
		}
		defer f.Close()
		plain, err := verify(ctx, f, Log{Gzip: true}, st, s.Logs[p.name])
		if err != nil {
			return noLog, err
		}
		if plain != Replaced { // the plain file was compressed
			return packedLog, nil
		}
		own, err := verify(ctx, f, Log{Gzip: true}, st, apart)
		if err != nil {
			return noLog, err
		}
		if own != Replaced {
			return packedApart, nil
		}
	}
	return packedLog, nil
}

// comparePair reads both files of a pair. If the content of one file begins with the
// content of the other, the longer file is the log, and the other is a copy that gzip may
// still be writing. If both are equal, the plain file is the log. If one file cannot be
// read, the other is the log, and the error is that of the unreadable file.
func comparePair(ctx context.Context, plain, packed *os.File, size int64) (pairing, error) {
	unpacked, err := Uncompressed(ctx, packed, size)
	if err != nil {
		return plainLog, fmt.Errorf("read %s: %w", packed.Name(), err)
	}
	file := until(ctx, io.NewSectionReader(plain, 0, math.MaxInt64)) // the file may still grow
	const block = 64 << 10
	a, b := make([]byte, block), make([]byte, block)
	for {
		fromPacked, packedErr := io.ReadFull(unpacked, a)
		fromPlain, plainErr := io.ReadFull(file, b[:fromPacked])
		switch {
		case plainErr != nil && !atEnd(plainErr): // only the .gz can be read
			return packedLog, fmt.Errorf("read %s: %w", plain.Name(), plainErr)
		case !bytes.Equal(a[:fromPlain], b[:fromPlain]):
			return bothLogs, nil
		case fromPlain < fromPacked: // the plain file is shorter
			return packedLog, nil
		case atEnd(packedErr): // the .gz is shorter, or both are equal
			return plainLog, nil
		case packedErr != nil:
			return plainLog, fmt.Errorf("read %s: %w", packed.Name(), packedErr)
		}
	}
}

// logs returns the logs of a pair.
func (p pair) logs(protocol fastparse.Protocol, which pairing) []Log {
	log := Log{Name: p.name, Protocol: protocol}
	apart := Log{Name: p.name + gz, Protocol: protocol, Gzip: true, Apart: true}
	switch which {
	case plainLog:
		log.Beside = p.packed
		return []Log{log}
	case packedLog:
		log.Gzip, log.Beside = true, p.plain
		return []Log{log}
	case bothLogs:
		log.Apart = true
		return []Log{log, apart}
	case packedApart:
		return []Log{apart}
	}
	return nil
}

// Logs returns the logs in the directory. states are those of earlier runs. A log need
// not be a regular file; OpenLog checks that. If log_x and log_x.gz both exist, Logs
// compares them, unless a state records both files as they are now. If a file cannot be
// read for that, the error names the file, and the logs are valid, but may lack that file.
func (d *Dir) Logs(ctx context.Context, states ...State) (logs []Log, err error) {
	for protocol, name := range logNames {
		p, statErr := statPair(d.Fd(), name)
		if statErr != nil {
			return nil, fmt.Errorf("%s: %w", d.Path(), statErr)
		}
		which, pairErr := d.decidePairing(ctx, p, states)
		found := p.logs(fastparse.Protocol(protocol), which)
		if pairErr != nil && len(found) > 0 { // the files were not compared
			found[0].Beside = nil
		}
		if !errors.Is(pairErr, fs.ErrNotExist) { // a file has just gone: the other one is the log, or OpenLog fails
			err = errors.Join(err, pairErr)
		}
		logs = append(logs, found...)
	}
	return logs, err
}

// of returns the recorded state of a log. If the state is of one log and the two files are
// two logs now, the state belongs to the file that was read.
func (s State) of(log Log) (LogState, bool) {
	ls, ok := s.Logs[log.Name]
	if !log.Apart {
		return ls, ok
	}
	if log.Gzip && !ok { // recorded under the name of the plain file
		ls, ok = s.Logs[logNames[log.Protocol]]
	}
	return ls, ok && ls.Gzip == log.Gzip
}

// StatFiles returns the Stat of every file that may hold a log.
func (d *Dir) StatFiles() (all []Stat, err error) {
	for _, name := range logNames {
		p, err := statPair(d.Fd(), name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Path(), err)
		}
		for _, st := range []*Stat{p.plain, p.packed} {
			if st != nil {
				all = append(all, *st)
			}
		}
	}
	return all, nil
}
