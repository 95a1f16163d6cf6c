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

// pair is what stands under a log's name: the plain file, the compressed one, or
// both. Sender and culler both ask [Dir.Logs], which asks pair, so that they
// never disagree about which of two files are logs.
type pair struct {
	name          string // of the plain file
	plain, packed *Stat  // nil where there is no such file
}

// pairing says which files of a pair are logs.
type pairing uint8

const (
	undecided   pairing = iota
	noLog               // neither file is there
	plainLog            // the plain file; a .gz beside it holds nothing more
	packedLog           // the .gz; a plain file beside it holds nothing more
	bothLogs            // both, each for itself
	packedApart         // the .gz, which was a log for itself; the plain file has gone
)

// statPair looks for the files of the log called name in the directory at.
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

// pairing returns what is known of the pair if both files are those of the
// state, by their Stat; else it is undecided.
func (s State) pairing(p pair) pairing {
	if p.plain == nil && p.packed == nil {
		return noLog
	}
	ls := s.Logs[p.name]
	apart, known := s.Logs[p.name+gz]
	apartSame := known && p.packed != nil && apart.sameFile(*p.packed, true)
	switch {
	case p.plain != nil && ls.sameFile(*p.plain, false):
		if p.packed == nil || ls.Beside.is(*p.packed) {
			return plainLog
		}
		if apartSame {
			return bothLogs
		}
	case p.packed != nil && ls.sameFile(*p.packed, true):
		if p.plain == nil || ls.Beside.is(*p.plain) {
			return packedLog
		}
	case p.plain == nil && apartSame:
		return packedApart
	}
	return undecided
}

// pairing compares the files of a pair as far as the states leave it open.
func (d *Dir) pairing(ctx context.Context, p pair, states []State) (pairing, error) {
	for _, s := range states {
		if known := s.pairing(p); known != undecided {
			return known, nil
		}
	}
	switch {
	case p.plain == nil && p.packed == nil:
		return noLog, nil
	case p.packed == nil:
		return plainLog, nil
	case p.plain == nil:
		return d.alone(ctx, p, states)
	}
	plain, _, err := d.openLog(p.name)
	if err != nil {
		return packedLog, err
	}
	defer plain.Close()
	packed, st, err := d.openLog(p.name + gz)
	if err != nil {
		return plainLog, err
	}
	defer packed.Close()
	return comparePair(ctx, plain, packed, st.Size)
}

// alone decides whether a .gz without a plain file is that log, or the one that
// was a log for itself while the plain file was there.
func (d *Dir) alone(ctx context.Context, p pair, states []State) (pairing, error) {
	for _, s := range states {
		apart, ok := s.Logs[p.name+gz]
		if !ok {
			continue
		}
		f, st, err := d.openLog(p.name + gz)
		if err != nil {
			return packedLog, err
		}
		defer f.Close()
		log := Log{Gzip: true}
		if c, err := verify(ctx, f, log, st, s.Logs[p.name], false); err == nil && c != Replaced {
			return packedLog, nil
		}
		if c, err := verify(ctx, f, log, st, apart, false); err == nil && c != Replaced {
			return packedApart, nil
		}
	}
	return packedLog, nil
}

// comparePair reads both files of a pair. If the content of one begins with that
// of the other, the longer one is the log: the other is a copy, perhaps one that
// gzip is still writing. Of two that are the same it is the plain file. With an
// error, which is that of the .gz, it is the plain file too.
func comparePair(ctx context.Context, plain, packed *os.File, size int64) (pairing, error) {
	unpacked, err := Uncompressed(ctx, packed, size)
	if err != nil {
		return plainLog, fmt.Errorf("read %s: %w", packed.Name(), err)
	}
	file := until(ctx, io.NewSectionReader(plain, 0, math.MaxInt64)) // to its end, which may move
	a, b := make([]byte, fingerprintLen), make([]byte, fingerprintLen)
	for {
		n, packedErr := io.ReadFull(unpacked, a)
		m, plainErr := io.ReadFull(file, b[:n])
		switch {
		case plainErr != nil && !cut(plainErr):
			return packedLog, fmt.Errorf("read %s: %w", plain.Name(), plainErr)
		case !bytes.Equal(a[:m], b[:m]):
			return bothLogs, nil
		case m < n:
			return packedLog, nil
		case cut(packedErr):
			return plainLog, nil
		case packedErr != nil:
			return plainLog, fmt.Errorf("read %s: %w", packed.Name(), packedErr)
		}
	}
}

// logs returns what pairing says are logs.
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

// Logs returns the logs that are there now, given the states of former runs. They
// need not be regular files; OpenLog tells. Where log_x and log_x.gz both stand
// it compares the two, unless a state knows both as they are. The logs are
// usable in any case: err says which of two files could not be compared.
func (d *Dir) Logs(ctx context.Context, states ...State) (logs []Log, err error) {
	for protocol, name := range logNames {
		p, statErr := statPair(d.Fd(), name)
		if statErr != nil {
			return nil, fmt.Errorf("%s: %w", d.Path(), statErr)
		}
		which, pairErr := d.pairing(ctx, p, states)
		found := p.logs(fastparse.Protocol(protocol), which)
		if pairErr != nil && len(found) > 0 { // nothing is known of the file beside the log
			found[0].Beside = nil
		}
		if !errors.Is(pairErr, fs.ErrNotExist) { // one has just gone: OpenLog tells
			err = errors.Join(err, pairErr)
		}
		logs = append(logs, found...)
	}
	return logs, err
}

// of returns the state of a log. Of two files that were one log and are two now,
// the state is that of the file that was read.
func (s State) of(log Log) (LogState, bool) {
	ls, ok := s.Logs[log.Name]
	if !log.Apart {
		return ls, ok
	}
	if log.Gzip && !ok {
		ls, ok = s.Logs[logNames[log.Protocol]]
	}
	return ls, ok && ls.Gzip == log.Gzip
}

// StatFiles returns the Stat of every file that a log may stand in.
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
