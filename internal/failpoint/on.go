//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// TSTAT_FAILPOINT is NAME:N, and the process dies when it is Hit(NAME) for the
// Nth time.
var (
	target, number, _ = strings.Cut(os.Getenv("TSTAT_FAILPOINT"), ":")
	last, _           = strconv.ParseInt(number, 10, 64)
	passed            atomic.Int64
)

// Hit is one of the moments.
func Hit(name string) {
	if name == target && passed.Add(1) == last {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing more happens here, however late the signal
	}
}
