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
	last, _           = strconv.ParseInt(number, 10, 64)
	passed            atomic.Int64
)

// Hit marks a moment, and kills the process if TSTAT_FAILPOINT names the moment.
func Hit(name string) {
	if name == target && passed.Add(1) == last {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // do nothing more until the signal arrives
	}
}
