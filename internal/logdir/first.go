package logdir

import (
	"golang.org/x/sys/unix"

	"tstat-transport/internal/atomicfile"
)

const (
	// sector is the size of the smallest unit that every disk writes whole or not at all.
	sector = 512
	// maxInPlace is the size of a page. The kernel copies a page whole or not at all into
	// a file, even if the process is killed.
	maxInPlace = 4096
)

// firstFile identifies the .processing that WriteFirst wrote, so that no other file is
// overwritten.
type firstFile struct {
	dev, ino uint64
	size     int64
	mtime    unix.Timespec
}

// WriteFirst writes .processing into a directory that has none, before the first message
// is sent. It writes s without logs, which records no progress beyond that of the mark.
// It does not sync the file: a crash of the machine may lose the file, and the next run
// then starts at the same place. Two syncs would double the cost of a small directory. The
// directory must be locked.
func (d *Dir) WriteFirst(s State) error {
	d.first = firstFile{}
	s.Logs = map[string]LogState{} // not null
	b, err := s.encode()
	if err != nil {
		return err
	}
	if err := d.removeTemporaryMark(); err != nil {
		return err
	}
	f, err := d.createTemporary(processing, b)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	statErr := unix.Fstat(int(f.Fd()), &st)
	if err := f.CommitUnsynced(processing); err != nil {
		return err
	}
	if statErr == nil && len(b) <= sector {
		d.first = identify(&st)
	}
	return nil
}

func identify(st *unix.Stat_t) firstFile { return firstFile{st.Dev, st.Ino, st.Size, st.Mtim} }

// canBecomeMark reports whether WriteFirst wrote the file and the mark b may overwrite it.
func (f firstFile) canBecomeMark(b []byte) bool {
	return f != firstFile{} && f.size <= int64(len(b)) && len(b) <= maxInPlace
}

// makeFirstTheMark turns the .processing that WriteFirst wrote into the mark: it overwrites
// the content with b, syncs the file and renames it. That is cheaper than creating a file
// and removing .processing.
//
// A crash before the renaming leaves the first content, which records no progress, or b,
// which records that everything is confirmed. A crash of the machine can also leave a
// mixture of their sectors. A mixture is not valid JSON, since the first content is
// not longer than b and has only one sector. So the mixture is damaged and records no
// progress either.
func (d *Dir) makeFirstTheMark(b []byte) (done bool) {
	f, err := atomicfile.Reopen(d.file, processing)
	if err != nil {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil || identify(&st) != d.first || st.Nlink != 1 {
		_ = f.Close()
		return false
	}
	if _, err := f.Write(b); err != nil {
		_ = f.Discard()
		return false
	}
	return f.Commit(processed) == nil
}
