// Package testkit holds helpers for the tests of several packages: a context that ends at a
// chosen moment, waits, mounts, free ports, rows of logs, and a runner of the programs.
package testkit

import (
	"context"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Countdown returns a context whose Err returns nil n times, and then context.Canceled. A test
// that counts n up from 0 stops the code under test one step later each time.
func Countdown(ctx context.Context, n int) context.Context {
	return &countdown{Context: ctx, left: n}
}

type countdown struct {
	context.Context
	mu   sync.Mutex
	left int
}

func (c *countdown) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Mount mounts source at target until the test ends. It skips the test if mounting is not
// allowed.
func Mount(t testing.TB, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	if err := unix.Mount(source, target, kind, flags, data); err == unix.EPERM || err == unix.EACCES {
		t.Skip("this container may not mount")
	} else if err != nil {
		t.Fatalf("mount %s on %s: %v", source, target, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", target, err)
		}
	})
}

// UnderRace returns light under the race detector, else full. It is for tests with a lot of
// data. Under the race detector the code is ten times slower, and a part of the data shows the
// same races.
func UnderRace[T any](light, full T) T {
	if Race {
		return light
	}
	return full
}
