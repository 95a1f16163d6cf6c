package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/cull"
	"tstat-transport/internal/logdir"
	"tstat-transport/internal/test/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tstat_cull": main, "mark": mark})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                scripttest.Commands(),
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "userns":
				return exec.CommandContext(t.Context(), "unshare", "-Ur", "true").Run() == nil, nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
	})
}

// Kong would replace the byte, and the report would go to another file.
func TestArgumentThatIsNotUTF8(t *testing.T) {
	var stderr bytes.Buffer
	args := []string{"-d", t.TempDir(), "--report", t.TempDir() + "/r\xff"}
	if status := run(t.Context(), args, &stderr); status != cli.Usage {
		t.Errorf("status %d, want %d: %s", status, cli.Usage, &stderr)
	}
}

func TestInterrupted(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(root+"/x.out", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"log_tcp_complete": "", ".processed": "processed\n"} {
		if err := os.WriteFile(root+"/x.out/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if status := run(ctx, []string{"-d", root, "-t", "0"}, &stderr); status != cli.TempFail {
		t.Errorf("status %d: %s", status, &stderr)
	}
	short := cull.Result{Roots: []cull.RootResult{{LackingBytes: 1}}}
	if interrupted, whole := exitStatus(ctx, short), exitStatus(t.Context(), short); interrupted != cli.TempFail || whole != cli.IO {
		t.Errorf("--min-free not reached: status %d if interrupted, else %d", interrupted, whole)
	}
	if _, err := os.Stat(root + "/x.out/log_tcp_complete"); err != nil {
		t.Error(err)
	}
	if status := run(t.Context(), []string{"-d", root, "-t", "0"}, &stderr); status != cli.OK {
		t.Errorf("status %d: %s", status, &stderr)
	}
	if _, err := os.Stat(root + "/x.out"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not deleted by a run to its end: %v", err)
	}
}

// mark is the command "mark HOURS DIR...". It marks directories as if tstat_send had sent
// them HOURS ago.
func mark() {
	hours, err := strconv.ParseFloat(os.Args[1], 64)
	check(err)
	for _, dir := range os.Args[2:] {
		d := open(dir)
		logs, err := d.Logs(context.Background())
		check(err)
		state := logdir.State{Version: "test", Logs: map[string]logdir.LogState{}}
		for _, l := range logs {
			f, st, err := d.OpenLog(l)
			check(err)
			ls := logdir.LogState{Position: st.Size, End: st.Size}
			ls.SetFile(l, st)
			var p logdir.Fingerprinter
			_, err = io.Copy(&p, f)
			check(err)
			ls.Fingerprint = p.At(st.Size)
			state.Logs[l.Name] = ls
		}
		check(d.WriteProcessed(state))
		check(os.Chtimes(filepath.Join(dir, ".processed"), time.Time{}, time.Now().Add(-time.Duration(hours*float64(time.Hour)))))
	}
}

func open(dir string) *logdir.Dir {
	root, err := logdir.OpenRoot(filepath.Dir(dir))
	check(err)
	d, err := logdir.Open(logdir.Entry{Root: root, Rel: filepath.Base(dir), Name: filepath.Base(dir)})
	check(err)
	return d
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
