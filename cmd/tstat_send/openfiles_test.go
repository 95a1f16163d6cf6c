package main

import (
	"syscall"
	"testing"

	"tstat-transport/internal/cli"
)

// With a low limit of open files, the directories in work leave files for the connections to
// RabbitMQ.
func TestDirectoriesLeaveFilesForConnections(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	const limit = 128
	few := before
	few.Cur = limit
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }()
	c := &command{Transport: "rabbit", Connections: 40, Directory: []cli.Root{{Path: "/r"}}}
	needed := otherFiles + len(c.Directory) + c.Connections + c.directories()*directoryFiles
	if needed > limit || needed <= limit-directoryFiles {
		t.Errorf("%d directories in work: %d files of %d", c.directories(), needed, limit)
	}
}
