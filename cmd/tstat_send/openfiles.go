package main

import "syscall"

const (
	// otherFiles are the files that a run has open besides those counted below:
	// standard streams, the poller, one root, the folder or report in work.
	otherFiles = 11
	// directoryFiles are the files that a directory in work has open: the
	// directory, its logs, and a state file that is written.
	directoryFiles = 5
)

// spareFiles returns how many files the process may have open besides otherFiles.
// Go has raised the soft limit to the hard one.
func (c *command) spareFiles() int {
	const most = 1 << 16
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return most
	}
	return int(min(limit.Cur, most)) - otherFiles - len(c.Directory)
}

// sockets returns how many of the callers may have a connection of their own.
func (c *command) sockets(callers int) int {
	return max(1, min(callers, c.spareFiles()/4))
}

// directories returns how many directories may be in work.
func (c *command) directories() int {
	spare := c.spareFiles()
	if !c.NoTransport && c.Transport == "http" {
		spare -= c.callers()
	}
	return max(1, spare/directoryFiles)
}
