package main

import (
	"os"
	"runtime/debug"
)

const (
	// memoryLimit is the soft limit of Go's memory with two workers. It keeps the whole
	// program below 64 MB. Messages in flight take most of the memory. With 44 MiB, the
	// garbage collector ran every few messages while 24 MiB were in flight.
	memoryLimit = 50 << 20
	// workerMemory is what each further worker adds: blocks, and the flows in them.
	workerMemory = 3 << 20
)

// limitMemory makes the garbage collector run more often when the memory approaches the
// limit. GOMEMLIMIT in the environment takes precedence.
func (c *command) limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit + int64(max(0, c.Workers-2))*workerMemory)
	}
}
