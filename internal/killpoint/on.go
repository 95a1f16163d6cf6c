//go:build killpoints

package killpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// TSTAT_KILLPOINT is NAME:N, and the process dies when it is Here(NAME) for the
// Nth time.
var (
	target, number, _ = strings.Cut(os.Getenv("TSTAT_KILLPOINT"), ":")
	last, _           = strconv.ParseInt(number, 10, 64)
	passed            atomic.Int64
)

// Here is one of the moments.
func Here(name string) {
	if name == target && passed.Add(1) == last {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing more happens here, however late the signal
	}
}
