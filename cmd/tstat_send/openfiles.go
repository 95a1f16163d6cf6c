package main

import "syscall"

const (
	// otherFiles is the number of files that a run has open besides roots, connections
	// and directories in work: standard streams, Go's poller, the directory that the
	// crawl reads, the output folder, the file of rejects, a report that is being written.
	otherFiles = 11
	// directoryFiles is the number of files that a directory in work has open: the
	// directory, two logs, a state file that is being written, an output file.
	directoryFiles = 5
)

// spareFiles returns how many files the process may have open besides otherFiles and the
// roots. At start, Go raises the soft limit to the hard limit.
func (c *command) spareFiles() int {
	const most = 1 << 16
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return most
	}
	return int(min(limit.Cur, most)) - otherFiles - len(c.Directory)
}

// maxSockets returns how many connections the http transport may have: a quarter of the
// spare files, since directories need the rest.
func (c *command) maxSockets() int {
	return max(1, c.spareFiles()/4)
}

// directories returns how many directories may be in work.
func (c *command) directories() int {
	spare := c.spareFiles()
	switch {
	case c.rabbit():
		spare -= c.Connections
	case !c.NoTransport && c.Transport == "http":
		spare -= c.publishers() // each has a connection
	}
	return max(1, spare/directoryFiles)
}
