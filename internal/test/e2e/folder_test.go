package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tstat-transport/internal/test/loggen"
)

// folder is a root whose messages go to files, for tests that need no broker. Beside the
// root stands a directory that no run may touch, the neighbour.
type folder struct {
	t                            *testing.T
	root, out, config, neighbour string // paths
	before                       string // what listNeighbour returned at first
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	top := t.TempDir()
	f := &folder{t: t, root: top + "/tstat", out: top + "/out", config: top + "/config.ini", neighbour: top + "/neighbour"}
	for _, dir := range []string{f.root, f.out} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, f.config, "[file]\npath = "+f.out+"\n")
	write(t, f.neighbour+"/2026_01_15_00_00.out/"+tcpLog, lines(t, loggen.TCP, 77, 5)...)
	write(t, f.neighbour+"/precious", "precious")
	f.before = f.listNeighbour()
	return f
}

func (f *folder) listNeighbour() string {
	f.t.Helper()
	return listing(f.t, f.neighbour) + readAll(f.t, f.neighbour+"/precious")
}

// addLog writes a log of a few rows into a directory below the root, and returns the number
// of rows. Logs of different streams differ.
func (f *folder) addLog(dir string, stream uint64) int {
	f.t.Helper()
	const rows = 3
	write(f.t, filepath.Join(f.root, dir, tcpLog), lines(f.t, loggen.TCP, stream, rows)...)
	return rows
}

func (f *folder) args(args ...string) []string {
	return slices.Concat([]string{"-d", f.root, "-c", f.config, "-t", "file", "-T", "0", "-S", sensor}, args)
}

// send runs tstat_send, and checks its memory and that the neighbour is unchanged.
func (f *folder) send(args ...string) result {
	f.t.Helper()
	r := start(f.t, "tstat_send", f.args(args...)...).waitMeasured()
	f.wantNeighbourUntouched()
	return r
}

func (f *folder) cull(args ...string) result {
	f.t.Helper()
	r := run(f.t, "tstat_cull", slices.Concat([]string{"-d", f.root, "-t", "0"}, args)...)
	f.wantNeighbourUntouched()
	return r
}

func (f *folder) wantNeighbourUntouched() {
	f.t.Helper()
	if now := f.listNeighbour(); now != f.before {
		f.t.Errorf("the neighbour has changed from\n%s\nto\n%s", f.before, now)
	}
}

func (f *folder) marked(dir string) bool { return exists(filepath.Join(f.root, dir, ".processed")) }

func (f *folder) directories() []string {
	f.t.Helper()
	return outDirectories(f.t, f.root)
}
