package workers_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/report"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/workers"
)

// With a transport that fails now and then, repeated runs lose nothing, and messages with
// the same id have the same content.
func TestFailingTransport(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	root := t.TempDir()
	long := longLog(t, 7)
	writeLog(t, root, dirName, "log_tcp_complete", long)
	to := newArchive()
	to.refuse = func(string) error {
		if random.IntN(20) == 0 {
			return errors.New("away")
		}
		return nil
	}
	for range 1000 {
		outcome, _ := run(t.Context(), t, root, to, nil)
		if outcome.TransportErr == nil {
			break
		}
		if _, err := os.Stat(filepath.Join(root, dirName, ".processed")); err == nil {
			t.Fatal("marked though not everything was confirmed")
		}
	}
	got := to.flows(t)
	for f, n := range wantFlows(t, readReference(t, long, reference.TCP, 0)) {
		if got[f] < n {
			t.Fatalf("%d times, want %d: %s", got[f], n, f)
		}
	}
	if len(mark(t, root, dirName).Logs) != 1 {
		t.Error("not marked")
	}
}

// A run that is stopped waits for the messages in flight, and the next run continues after
// them: nothing is sent twice.
func TestStop(t *testing.T) {
	root := t.TempDir()
	long := longLog(t, 8)
	packed := gzipped(t, long)
	for i, log := range []struct {
		ending  string
		content []byte
	}{{"", long}, {".gz", packed}, {".gz", packed[:len(packed)-9]}} {
		writeLog(t, root, fmt.Sprintf("2026_11_23_1%d_00.out", i), "log_tcp_complete"+log.ending, log.content)
	}
	to := newArchive()
	stops := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		accepted := 0
		to.refuse = func(string) error {
			if accepted++; accepted == 10 {
				cancel()
			}
			return nil
		}
		outcome, _ := run(ctx, t, root, to, nil)
		cancel()
		if !outcome.Interrupted {
			break
		}
		stops++
	}
	if stops == 0 {
		t.Error("never stopped")
	}
	want := wantFlows(t, readReference(t, long, reference.TCP, 0))
	for f := range want {
		want[f] *= 3
	}
	diff(t, to.flows(t), want)
}

// If the transport fails for one directory, the run is not interrupted, and another
// directory in work is waiting, not failed.
func TestGivenUp(t *testing.T) {
	root := t.TempDir()
	corpus, err := os.ReadFile("../../testdata/corpus/bulk_with_1300MB_flow/2026_11_22_20_27.out/log_tcp_complete")
	if err != nil {
		t.Fatal(err)
	}
	writeLog(t, root, dirName, "log_tcp_complete", corpus)
	const other = "2026_11_23_11_00.out"
	// There are more messages than can wait for the publisher, so the worker waits.
	writeLog(t, root, other, "log_tcp_complete", slices.Concat(longLog(t, 10), longLog(t, 11), longLog(t, 12)))
	to := newArchive()
	counters := new(report.Counters)
	to.refuse = func(id string) error {
		if strings.HasPrefix(id, "s/0/"+other) {
			return nil
		}
		for counters.Directories.Load() < 2 {
			runtime.Gosched()
		}
		return errors.New("away")
	}
	outcome, _ := run(t.Context(), t, root, to, func(o *workers.Options) {
		o.Workers, o.Publishers, o.Counters = 1, 1, counters
	})
	if outcome.Interrupted || outcome.TransportErr == nil {
		t.Fatalf("%+v", outcome)
	}
	var reasons []string
	for _, d := range counters.Unsent.First(2) {
		reasons = append(reasons, fmt.Sprintf("%s %s: %s", filepath.Base(d.Directory), d.State, d.Reason))
	}
	want := []string{
		dirName + " failed: away",
		other + " waiting: the run stopped before all of it was sent",
	}
	if !slices.Equal(reasons, want) {
		t.Errorf("%q, want %q", reasons, want)
	}
}
