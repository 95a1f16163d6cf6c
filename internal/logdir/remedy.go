package logdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// WriteRemedy returns what to do about err, an error of writing a state file. It is empty
// for an error without a known remedy.
func WriteRemedy(err error) string {
	// systemd sets INVOCATION_ID for each service that it runs.
	service := os.Getenv("INVOCATION_ID") != ""
	switch {
	case errors.Is(err, unix.EROFS) && service:
		return "name the root in ReadWritePaths of the systemd unit, or mount the file system read-write"
	case errors.Is(err, unix.EROFS):
		return "mount the file system read-write; a snapshot or copy that must stay as it is can be read with --no-transport"
	case errors.Is(err, unix.EACCES):
		return fmt.Sprintf("this runs as user %d: let that user write in that directory (chown, or setfacl -m u:%d:rwx)", os.Geteuid(), os.Geteuid())
	case errors.Is(err, unix.EPERM):
		return "the directory or a state file in it is immutable or append-only (chattr -i -a), or the state file is another user's in a directory with the sticky bit (chown or delete it)"
	case errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTEMPTY):
		return "a directory stands where a state file belongs: move it away"
	case errors.Is(err, unix.EBUSY):
		return "a file is mounted where a state file belongs: umount it"
	case errors.Is(err, unix.EMFILE):
		return manyFiles
	case errors.Is(err, unix.ENOSPC):
		return "free space or inodes on that file system"
	case errors.Is(err, unix.EDQUOT):
		return fmt.Sprintf("free space or raise the quota of user %d on that file system", os.Geteuid())
	}
	return ""
}

// RootRemedy is what to do about a root that cannot be read.
const RootRemedy = "correct -d, or let this user read the root"

const manyFiles = "let this program open more files (ulimit -n, or LimitNOFILE of the systemd unit)"

// ReadRemedy returns what to do about err, an error of reading a directory, a log or a
// mark. It is empty for an error without a known remedy.
func ReadRemedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("this runs as user %d: let that user read it (chmod, or setfacl -m u:%d:rX)", os.Geteuid(), os.Geteuid())
	case errors.Is(err, ErrMount):
		return "unmount it"
	case errors.Is(err, ErrNotRegular):
		return "move it away, or put a regular file in its place"
	case isDamage(err):
		return "the .gz is damaged: copy it again; if there is no other copy, see docs/monitoring.md"
	case errors.Is(err, errZeros):
		return "data may still arrive, and a later run reads it; if the data is lost, copy the .gz again, or see docs/monitoring.md"
	case errors.Is(err, unix.EMFILE):
		return manyFiles
	case errors.Is(err, unix.EIO):
		return "the disk or the file server fails: see the kernel's log"
	}
	return ""
}
