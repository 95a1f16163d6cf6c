package tstatsim_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/test/tstatsim"
)

// eventful are options with frequent events of every kind.
var eventful = tstatsim.Options{Seed: 5, Restart: 0.03, Kill: 0.03, Reload: 0.02}

// eventfulLogs returns eventful for each kind of log.
func eventfulLogs() map[string]tstatsim.Options {
	plain, old, gz := eventful, eventful, eventful
	old.Version = "2.4"
	gz.Gzip = true
	gz.Rows = 100
	return map[string]tstatsim.Options{"plain": plain, "2.4": old, "gzip": gz}
}

// Live logs start with 0 bytes, grow by 4096, and end in mid-line. At rotation the new
// directory appears before the old tails.
func TestLiveLogs(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{Seed: 1})
	var empty, midLine, tailsAfter bool
	sizes := map[string]int{}
	rotated := map[string]int{} // sizes when a newer directory was first seen
	for range 200 {
		steps(t, s, 1)
		dirs, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range dirs {
			path := filepath.Join(root, d.Name(), "log_tcp_complete")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			newest := i == len(dirs)-1
			if newest && len(b)%4096 != 0 {
				t.Fatalf("live log of %d bytes", len(b))
			}
			empty = empty || newest && len(b) == 0
			midLine = midLine || newest && len(b) > 0 && b[len(b)-1] != '\n'
			sizes[path] = len(b)
			if newest {
				continue
			}
			if _, seen := rotated[path]; !seen {
				rotated[path] = len(b)
			}
			tailsAfter = tailsAfter || rotated[path] < len(b) && len(b)%4096 != 0
		}
	}
	if !empty || !midLine || !tailsAfter {
		t.Errorf("seen: an empty log %v, one cut in mid-line %v, tails after rotation %v", empty, midLine, tailsAfter)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	for path, size := range sizes {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != size {
			t.Errorf("%s has %d bytes after a kill, %d before", path, len(b), size)
		}
	}
}

// 2.4 repeats its headers in mid-file.
func TestHeadersInMidFile(t *testing.T) {
	root := t.TempDir()
	s := newSim(t, root, tstatsim.Options{Version: "2.4", Reload: 0.2})
	steps(t, s, 50)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(root, "*", "log_tcp_complete"))
	headers := 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		headers += bytes.Count(b, []byte("\n#c_ip:1 "))
	}
	if want := s.Counts().Reloads; headers != want || want == 0 {
		t.Errorf("%d headers in mid-file after %d reloads", headers, want)
	}
}

// The same seed gives the same logs.
func TestDeterministic(t *testing.T) {
	var logs [2]map[string]string // contents by path below the root
	for i := range logs {
		root := t.TempDir()
		s := newSim(t, root, eventful)
		steps(t, s, 100)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		logs[i] = map[string]string{}
		paths, err := filepath.Glob(filepath.Join(root, "*", "log_*_complete"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no logs: %v", err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			logs[i][strings.TrimPrefix(path, root)] = string(b)
		}
	}
	if !maps.Equal(logs[0], logs[1]) {
		t.Error("one seed gave different logs")
	}
}

// Run makes steps until its context ends.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := eventful
	o.Pace = time.Millisecond
	s := newSim(t, t.TempDir(), o)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	testkit.Await(t, "the rows of three steps", func() bool { return s.Counts().Rows > 2*40 }) // a step makes at most 40
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if len(s.Written()) == 0 {
		t.Error("no row was written")
	}
}

func newSim(t *testing.T, root string, o tstatsim.Options) *tstatsim.Sim {
	t.Helper()
	s, err := tstatsim.New(root, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// steps makes n steps.
func steps(t *testing.T, s *tstatsim.Sim, n int) {
	t.Helper()
	for range n {
		if err := s.Step(); err != nil {
			t.Fatal(err)
		}
	}
}
