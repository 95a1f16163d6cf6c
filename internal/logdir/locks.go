package logdir

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// inode identifies a file.
type inode struct{ dev, ino uint64 }

// Locks maps files to the process that holds a lock of flock(2) on each. Asking
// flock itself would take the lock for a moment, and a run that starts in this
// moment would find its root locked.
type Locks map[inode]int

// ReadLocks reads /proc/locks, see proc_locks(5). It finds no lock if /proc is not
// mounted, if the process with the lock is in another PID namespace, or if the locked file
// is on btrfs: for btrfs, /proc/locks and stat(2) give different device numbers.
func ReadLocks() Locks {
	locks := make(Locks)
	file, err := os.Open("/proc/locks")
	if err != nil {
		return locks
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// 1: FLOCK  ADVISORY  WRITE 22007 fe:00:5308430 0 EOF
		var number, kind, advisory, access string
		var process int
		var major, minor uint32
		var ino uint64
		n, _ := fmt.Sscanf(lines.Text(), "%s %s %s %s %d %x:%x:%d", &number, &kind, &advisory, &access, &process, &major, &minor, &ino)
		if n == 8 && kind == "FLOCK" { // a process that waits has -> as its kind
			locks[inode{unix.Mkdev(major, minor), ino}] = process
		}
	}
	return locks
}

// Holder returns the process that has locked the root; 0 for none.
func (l Locks) Holder(r *Root) int {
	if r.only != "" { // r.Fd is the parent directory
		return 0
	}
	return l.holderOfFd(r.Fd())
}

// HolderOf returns the process that has locked the file; 0 for none.
func (l Locks) HolderOf(dev, ino uint64) int { return l[inode{dev, ino}] }

// Check returns the ErrLocked with which [Open] would fail, without taking the lock. It
// returns nil if the directory is not locked or cannot be opened.
func (l Locks) Check(e Entry) error {
	d, err := OpenUnlocked(e)
	if err != nil {
		return nil //nolint:nilerr // then nothing is known of a lock
	}
	defer d.Close()
	if l.holderOfFd(d.Fd()) == 0 {
		return nil
	}
	return &fs.PathError{Op: "lock", Path: d.Path(), Err: lockedBy(d.Fd())}
}

func (l Locks) holderOfFd(fd int) int {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return l.HolderOf(st.Dev, st.Ino)
}

// flock takes the exclusive lock on fd. If another process has the lock, flock fails with
// a LockedError if that process is known, else with ErrLocked.
func flock(fd int) error {
	_, err := retry(func() (int, error) { return 0, unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
		return lockedBy(fd)
	}
	return err
}

// LockedError is an ErrLocked that names the process with the lock. That may be any
// process, since a user who may read a directory can lock it.
type LockedError struct {
	Process       int
	Command, User string // empty if unknown
}

func (e *LockedError) Error() string {
	s := fmt.Sprintf("locked by process %d", e.Process)
	if e.Command != "" {
		s += " (" + e.Command + ")"
	}
	if e.User != "" {
		s += " of user " + e.User
	}
	return s
}

func (e *LockedError) Unwrap() error { return ErrLocked }

// lockedBy returns a LockedError if the process that has locked fd is known, else
// ErrLocked.
func lockedBy(fd int) error {
	e := &LockedError{Process: ReadLocks().holderOfFd(fd)}
	if e.Process == 0 {
		return ErrLocked
	}
	proc := fmt.Sprintf("/proc/%d", e.Process)
	if comm, err := os.ReadFile(proc + "/comm"); err == nil {
		e.Command = strings.TrimSpace(string(comm))
	}
	var st unix.Stat_t
	if unix.Stat(proc, &st) == nil {
		e.User = strconv.Itoa(int(st.Uid))
		if u, err := user.LookupId(e.User); err == nil {
			e.User = u.Username
		}
	}
	return e
}

// LockRemedy returns what to do about an ErrLocked. It is empty for any other error.
func LockRemedy(err error) string {
	if !errors.Is(err, ErrLocked) {
		return ""
	}
	what := "it"
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		what = path.Path
	}
	locked, ok := errors.AsType[*LockedError](err)
	if !ok || strings.HasPrefix(locked.Command, "tstat_") {
		return "another run works on it; try again later"
	}
	return fmt.Sprintf("if process %d is no run of tstat_send or tstat_cull, end it and let no other user read %s", locked.Process, what)
}
