package testkit

import (
	"fmt"
	"os"
	"strings"
)

// Memory returns a line of /proc/PID/status in bytes: "VmRSS" is the resident set of the
// process, "VmHWM" the largest so far; see proc(5). Memory returns 0 if the process has ended.
//
// A test has to poll VmHWM: the figure that the kernel returns with the exit status is at
// least the resident set of the parent process.
func Memory(pid int, name string) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // missing if the process has ended
	for line := range strings.Lines(string(status)) {
		var kB int64
		if n, _ := fmt.Sscanf(line, name+": %d kB", &kB); n == 1 {
			return kB << 10
		}
	}
	return 0
}
