package main

import (
	"os"
	"runtime/debug"
)

const (
	// memoryLimit is what Go's memory is to stay below, so that the whole program
	// stays below 64 MB with two workers. Messages in flight take most of it.
	memoryLimit = 44 << 20
	// workerMemory is what each further worker adds: blocks, and the flows in them.
	workerMemory = 3 << 20
)

// limitMemory has the garbage collector run before the heap has doubled, where it
// would grow beyond the limit. GOMEMLIMIT in the environment has precedence.
func (c *command) limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit + int64(max(0, c.Workers-2))*workerMemory)
	}
}
