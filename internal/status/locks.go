package status

import (
	"bufio"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// inode identifies a file.
type inode struct{ dev, ino uint64 }

// lockTable maps files to the process that holds a lock of flock(2) on each.
// Asking flock itself would take the lock for a moment, and a run that starts in
// this moment would find its root locked.
type lockTable map[inode]int

// readLocks reads /proc/locks, see proc_locks(5). It shows no lock where /proc is
// not mounted, of a process in another PID namespace, and on btrfs, whose device
// numbers there are not those of stat(2).
func readLocks() lockTable {
	locks := make(lockTable)
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

// holderOf returns the process that has locked an open file; 0 for none.
func (l lockTable) holderOf(fd int) int {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return l[inode{st.Dev, st.Ino}]
}
