package e2e

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

// fileDeaths are the steps at which TestFileDeathAtEveryPoint kills tstat_send, which also comes
// to created, unsynced, written and renamed when it writes a state file.
var fileDeaths = []struct {
	name, when string
	// finishing: the step comes after all messages are accepted.
	finishing bool
}{
	{"appended", "when records are written and not yet synced", false},
	{"confirmed", "when a message is on the disk and not yet counted as confirmed", false},
	{"created", "when the temporary file is empty", true},
	{"unsynced", "when the temporary file is written and not yet synced", true},
	{"written", "when the temporary file is synced and not yet renamed", true},
	{"renamed", "when the finished file has its name, which is not yet durable", true},
	{"finished", "when the partial file still stands beside the finished one", true},
	{"removed", "when the partial file is removed, which is not yet durable", true},
	{"settled", "when the directory is finished and not yet marked", true},
}

// TestFileDeathAtEveryPoint kills tstat_send at each of the fileDeaths: run N is
// killed when it comes to the step for the Nth time, until a run comes to its end. Every
// finished file is whole at any time, and in the end the files hold every message. If all
// messages were accepted before the first kill, the files hold each of them once.
func TestFileDeathAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, point := range fileDeaths {
		t.Run(point.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			write(t, f.config, "[file]\npath = "+f.out+"\ncompression = gzip\n")
			write(t, filepath.Join(f.root, "0.out", tcpLog), lines(t, loggen.TCP, 1, 400)...)
			printed := run(t, "tstat_send", "-d", f.root, "-N", "-T", "0", "-S", sensor).want(allDone)
			expected := slices.Sorted(strings.Lines(printed.Out))
			if point.finishing {
				f.sendWithoutFinishing("0.out", len(expected))
			}
			kills := 0
			for ; f.sendUntil(fmt.Sprintf("%s:%d", point.name, kills+1)); kills++ {
				for _, message := range f.messages() {
					if _, ok := slices.BinarySearch(expected, message); !ok {
						t.Fatalf("killed %s, the %dth time: a file holds %.200q, which is no message", point.when, kills+1, message)
					}
				}
			}
			if kills == 0 {
				t.Error("the program was never killed")
			}
			got := f.messages()
			t.Logf("%d kills: %d messages, %d of them repeated", kills, len(got), len(got)-len(expected))
			if !point.finishing {
				got = slices.Compact(got)
			}
			if !slices.Equal(got, expected) {
				t.Errorf("killed %s: the files hold %d messages, want %d", point.when, len(got), len(expected))
			}
			if left := f.files(".*"); left != nil || !f.marked("0.out") {
				t.Errorf("files are left: %q, or the directory is not marked", left)
			}
		})
	}
}

// sendWithoutFinishing runs tstat_send with an obstacle in the place of the temporary file that
// becomes the finished file: all messages are accepted, and the directory is not marked.
func (f *folder) sendWithoutFinishing(directory string, messages int) {
	f.t.Helper()
	sum := sha256.Sum256([]byte(filepath.Join(f.root, directory)))
	obstacle := fmt.Sprintf("%s/.%s.%x.partial.tmp", f.out, directory, sum[:8])
	if err := os.Mkdir(obstacle, 0o755); err != nil {
		f.t.Fatal(err)
	}
	if r := f.send().want(tryAgain, "is a directory"); r.count("confirmed") != messages {
		f.t.Errorf("%d messages were accepted, want %d:\n%s", r.count("confirmed"), messages, r.log())
	}
	if err := os.Remove(obstacle); err != nil {
		f.t.Fatal(err)
	}
}

// sendUntil runs tstat_send up to a failpoint. It returns false if the run succeeded without
// coming to the failpoint.
func (f *folder) sendUntil(failpoint string) (killed bool) {
	f.t.Helper()
	r := f.startUntil(failpoint).wait()
	if r.Signal == syscall.SIGKILL {
		return true
	}
	r.want(allDone)
	return false
}

// killedAt is sendUntil for a run that may end with an error.
func (f *folder) killedAt(failpoint string, args ...string) bool {
	f.t.Helper()
	return f.startUntil(failpoint, args...).wait().Signal == syscall.SIGKILL
}

func (f *folder) startUntil(failpoint string, args ...string) *program {
	f.t.Helper()
	cmd := exec.Command(testkit.Binary(f.t, "tstat_send", "failpoints"), f.args(args...)...)
	cmd.Env = append(cmd.Environ(), "TSTAT_FAILPOINT="+failpoint)
	return startCommand(f.t, cmd)
}

// messages returns the lines of all finished files, sorted. Each file must be
// whole.
func (f *folder) messages() (all []string) {
	f.t.Helper()
	for _, path := range f.files("[^.]*.jsonl.gz") {
		z, err := gzip.NewReader(strings.NewReader(readAll(f.t, path)))
		if err != nil {
			f.t.Fatalf("%s: %v", path, err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			f.t.Fatalf("%s: %v", path, err)
		}
		all = slices.AppendSeq(all, strings.Lines(string(text)))
	}
	slices.Sort(all)
	return all
}

// files returns the files among the output whose names match pattern.
func (f *folder) files(pattern string) []string {
	f.t.Helper()
	paths, err := filepath.Glob(filepath.Join(f.out, pattern))
	if err != nil {
		f.t.Fatal(err)
	}
	return paths
}
