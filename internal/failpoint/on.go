//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// The environment variable TSTAT_FAILPOINT is NAME:N. The Nth call of Hit(NAME) kills
// the process.
var (
	target, number, _ = strings.Cut(os.Getenv("TSTAT_FAILPOINT"), ":")
	n, _              = strconv.ParseInt(number, 10, 64)
	hits              atomic.Int64
)

// Hit marks a point, and kills the process if TSTAT_FAILPOINT names the point and the call.
func Hit(name string) {
	if name == target && hits.Add(1) == n {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // do nothing more until the signal arrives
	}
}
