package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

// TestFileDeathAtEveryPoint kills tstat_send at each step of the file transport,
// the first time that it gets there, the second, and so on, each time with the
// next run going on. Every file that others see is whole at any time, and in the
// end the files hold every message.
func TestFileDeathAtEveryPoint(t *testing.T) {
	t.Parallel()
	for _, point := range []struct{ name, when string }{
		{"appended", "when records are written and not yet synced"},
		{"confirmed", "when a message is on the disk and not yet entered"},
		{"created", "when the temporary file is empty"},
		{"unsynced", "when the temporary file is written and not yet synced"},
		{"written", "when the temporary file is synced and not yet renamed"},
		{"renamed", "when the finished file has its name, which is not yet durable"},
		{"finished", "when the partial file still stands beside the finished one"},
		{"removed", "when the partial file is removed, which is not yet durable"},
		{"settled", "when the directory is finished and not yet marked"},
	} {
		t.Run(point.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			write(t, f.config, []byte("[file]\npath = "+f.out+"\ncompression = gzip\n"))
			for n := range uint64(2) {
				write(t, fmt.Sprintf("%s/%d.out/%s", f.root, n, tcpLog), []byte(strings.Join(lines(t, loggen.TCP, n, 200), "")))
			}
			printed := run(t, "tstat_send", "-d", f.root, "-N", "-T", "0", "-S", sensor).want(allDone)
			expected := slices.Sorted(strings.Lines(printed.Out))
			kills := 0
			for n := 1; ; n++ {
				cmd := exec.Command(testkit.Binary(t, "tstat_send", "failpoints"), f.args()...)
				cmd.Env = append(cmd.Environ(), fmt.Sprintf("TSTAT_FAILPOINT=%s:%d", point.name, n))
				r := startCommand(t, cmd).wait()
				for _, message := range f.messages() {
					if _, ok := slices.BinarySearch(expected, message); !ok {
						t.Fatalf("killed %s, the %dth time: a file holds %.200q, which is no message", point.when, n, message)
					}
				}
				if r.Signal != syscall.SIGKILL {
					r.want(allDone)
					break
				}
				kills++
			}
			got := f.messages()
			if distinct := slices.Compact(slices.Clone(got)); !slices.Equal(distinct, expected) {
				t.Errorf("%d kills: the files hold %d messages of %d", kills, len(distinct), len(expected))
			}
			if left := f.files(".*"); left != nil || !f.marked("0.out") || !f.marked("1.out") {
				t.Errorf("files are left: %q, or a directory is not marked", left)
			}
			if kills == 0 {
				t.Error("the program was never killed")
			}
			t.Logf("%d kills: %d messages, %d of them repeated", kills, len(got), len(got)-len(expected))
		})
	}
}

// messages returns the lines of all finished files, sorted. Each file must be
// whole.
func (f *folder) messages() (all []string) {
	f.t.Helper()
	for _, path := range f.files("[^.]*.jsonl.gz") {
		z, err := gzip.NewReader(bytes.NewReader(readAll(f.t, path)))
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
