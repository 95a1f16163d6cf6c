package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tstat-transport/internal/cli"
	"tstat-transport/internal/test/scripttest"
	"tstat-transport/internal/test/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tstat_send": func() {
		systemConfig = cmp.Or(os.Getenv("SYSTEM_CONFIG"), systemConfig)
		main()
	}})
}

func TestScripts(t *testing.T) {
	corpus, err := filepath.Abs("../../testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	commands := scripttest.Commands()
	commands["server"] = server
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CORPUS", corpus)
			port, err := testkit.FreePort()
			e.Setenv("CLOSED", strconv.Itoa(port)) // nobody listens there
			return err
		},
		Cmds: commands,
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
	})
}

// server is the command "server STATUS". It starts an HTTP server at $URL that answers each
// request with the status. The server appends the bodies of POST requests to the file posted,
// and the method, path and credentials of each request to the file requests.
func server(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: server STATUS")
	}
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	var mu sync.Mutex
	add := func(file, line string) {
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(ts.MkAbs(file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = io.WriteString(f, line+"\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			panic(err)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		user, password, _ := r.BasicAuth()
		add("requests", r.Method+" "+r.URL.Path+" "+user+" "+password)
		if r.Method == http.MethodPost {
			add("posted", string(body))
		}
		w.WriteHeader(code)
	}))
	ts.Defer(s.Close)
	ts.Setenv("URL", s.URL)
}

// Runs that write files are killed after random times until a run ends by itself. The
// finished files then have every flow.
func TestFileKilled(t *testing.T) {
	dir := t.TempDir()
	root, out, config := filepath.Join(dir, "root"), filepath.Join(dir, "out"), filepath.Join(dir, "config.ini")
	if err := os.CopyFS(root, os.DirFS("../../testdata/corpus/rotation")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "[file]\npath = " + out + "\nformat = flows\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-d", root, "-c", config, "-t", "file", "-T", "0", "-S", "s"}
	printed, err := exec.CommandContext(t.Context(), "tstat_send", "-d", root, "-T", "0", "-S", "s", "-N").Output()
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for run := 0; ; run++ {
		cmd := exec.CommandContext(t.Context(), "tstat_send", args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The longest time doubles with every second run, so that a run can end.
		wait := time.Duration(rand.N(1<<min(run/2, 20))) * 2 * time.Millisecond
		timer := time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != -1 {
			t.Fatalf("run %d: %v", run, err)
		}
		killed++
	}
	t.Logf("%d runs were killed", killed)
	got := make(map[string]bool)
	files, err := filepath.Glob(filepath.Join(out, "[^.]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			got[strings.TrimSuffix(line, "\n")] = true
		}
	}
	want := make(map[string]bool)
	// A printed line is an array of flows; a line of a file is one flow.
	for line := range strings.Lines(string(printed)) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "["), "]\n")
		for flow := range strings.SplitSeq(line, `,{"type":"flow",`) {
			want[`{"type":"flow",`+strings.TrimPrefix(flow, `{"type":"flow",`)] = true
		}
	}
	if len(want) < 1000 {
		t.Fatalf("%d flows in the logs: too few for this test", len(want))
	}
	for flow := range want {
		if !got[flow] {
			t.Fatalf("a flow is lost: %s", flow)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d different flows in the files, want %d", len(got), len(want))
	}
	if left, _ := filepath.Glob(filepath.Join(out, ".*")); left != nil {
		t.Errorf("left: %q", left)
	}
}

func TestByteRate(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "500k": 500_000, "2.5M": 2_500_000, "1G": 1e9, "12K": 12_000, "0.001k": 1, "1e3": 1000, "1 k": 1000, "1Ki": 1024,
		"": 0, "0": 0, "-1": 0, "5x": 0, "k": 0, "0.5": 0, "NaN": 0, "Inf": 0, "99999999G": 0,
	} {
		var r byteRate
		err := r.UnmarshalText([]byte(text))
		if r.bytes != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v, want %d", text, r.bytes, err, want)
		}
	}
}

func TestRunUsage(t *testing.T) {
	for _, args := range [][]string{{"-d", "x", "-t", "pigeon"}, {"-d", "x\xff"}} {
		if got := run(t.Context(), args, io.Discard, io.Discard); got != cli.Usage {
			t.Errorf("%q: status %d, want %d", args, got, cli.Usage)
		}
	}
}

func TestCheckInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout strings.Builder
	args := []string{"--check", "-d", "../../testdata/corpus/v3.0_bulk", "-N"}
	if got := run(ctx, args, &stdout, io.Discard); got != cli.TempFail || strings.Count(stdout.String(), "wrong") != 1 {
		t.Errorf("status %d, want %d:\n%s", got, cli.TempFail, &stdout)
	}
}
