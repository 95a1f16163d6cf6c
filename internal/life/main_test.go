// Package life tests the promise that nothing is lost over the lives of all who
// take part: the real tstat_send dies at any moment, a writer that behaves as
// Tstat does writes, rotates and dies beside it, tstat_cull prunes, and a real
// RabbitMQ and the network to it fail.
//
// TestDeath… kill tstat_send and hold what arrived against what the slow twin
// makes of the logs and what the killed run had left in its state files.
// TestLife runs writers, sender and culler together; TestSoak does that for any
// length, with faults at random, and prints a report.
package life

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"tstat-transport/internal/rabbittest"
)

var buildDir string

func TestMain(m *testing.M) {
	rabbittest.AtEnd(func() {
		if buildDir != "" {
			_ = os.RemoveAll(buildDir)
		}
	})
	rabbittest.Main(m)
}

var builds struct {
	sync.Mutex
	failed map[string]error // by tags
}

// binary is the path of a program, built with tags and, if the tests are, with
// the race detector.
func binary(t testing.TB, name, tags string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	err, done := builds.failed[tags]
	if !done {
		err = build(tags)
		if builds.failed == nil {
			builds.failed = map[string]error{}
		}
		builds.failed[tags] = err
	}
	if err != nil {
		t.Fatalf("cannot build the programs: %v", err)
	}
	return filepath.Join(buildDir, "tags-"+tags, name)
}

func build(tags string) (err error) {
	if buildDir == "" {
		if buildDir, err = os.MkdirTemp("", "tstat-life-"); err != nil {
			return err
		}
	}
	args := []string{"build", "-tags", tags, "-o", filepath.Join(buildDir, "tags-"+tags) + "/"}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "../../cmd/tstat_send", "../../cmd/tstat_cull")...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}
