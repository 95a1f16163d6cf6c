// Package e2e tests the programs as a whole: the real binaries, on real logs,
// against a real RabbitMQ, and against everything that can go wrong between.
//
// A test has a site: a root with logs, a vhost with a queue, and a
// configuration file. What must arrive is what the slow twin makes of the
// logs, message by message; see [site.check].
package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"tstat-transport/internal/rabbittest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait more than they compute.
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := flag.Set("test.parallel", "10"); err != nil {
			panic(err)
		}
	}
	rabbittest.AtEnd(func() {
		if programs.dir != "" {
			_ = os.RemoveAll(programs.dir)
		}
	})
	rabbittest.Main(m)
}

var programs struct {
	once sync.Once
	dir  string
	err  error
}

// binary is the path of a program, built with the race detector if the tests
// are.
func binary(t testing.TB, name string) string {
	t.Helper()
	programs.once.Do(func() {
		programs.dir, programs.err = os.MkdirTemp("", "tstat-e2e-")
		if programs.err != nil {
			return
		}
		args := []string{"build", "-o", programs.dir + "/", "../../cmd/..."}
		if raceEnabled {
			args = append(args[:1], append([]string{"-race"}, args[1:]...)...)
		}
		cmd := exec.Command("go", args...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		programs.err = cmd.Run()
	})
	if programs.err != nil {
		t.Fatalf("cannot build the programs: %v", programs.err)
	}
	return filepath.Join(programs.dir, name)
}
