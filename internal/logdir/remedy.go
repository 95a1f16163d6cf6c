package logdir

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WriteRemedy returns what to do about err, an error of writing a state file. It is empty
// for an error without a known remedy.
func WriteRemedy(err error) string {
	// systemd sets it for each service that it runs.
	service := os.Getenv("INVOCATION_ID") != ""
	switch {
	case errors.Is(err, unix.EROFS) && service:
		return "name the root in ReadWritePaths of the systemd unit, or mount the file system to be written to"
	case errors.Is(err, unix.EROFS):
		return "mount the file system to be written to; a snapshot or copy that must stay as it is can be read with --no-transport"
	case errors.Is(err, unix.EACCES):
		return fmt.Sprintf("let user %d, as which this runs, write in that directory (chown, or setfacl -m u:%d:rwx)", os.Geteuid(), os.Geteuid())
	case errors.Is(err, unix.EPERM):
		return "the directory or a state file in it is immutable or append-only (chattr -i -a), or the state file is another user's in a directory with the sticky bit (chown or delete it)"
	case errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTEMPTY):
		return "a directory stands where a state file belongs: move it away"
	case errors.Is(err, unix.ENOSPC):
		return "free space or inodes on that file system"
	case errors.Is(err, unix.EDQUOT):
		return fmt.Sprintf("free space or raise the quota of user %d on that file system", os.Geteuid())
	}
	return ""
}
