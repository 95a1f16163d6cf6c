package file_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/file"
)

const (
	directory = "/srv/tstat/2016_02_17_12_53.out"
	// folderEnv names the folder that sendUntilFull writes to.
	folderEnv = "TRANSPORT_TEST_FOLDER"
	// fullEnv limits the size of the file that sendUntilFull writes.
	fullEnv = "TRANSPORT_TEST_FULL"
)

func openFolder(t *testing.T, o file.Options) *file.Transport {
	t.Helper()
	f, err := file.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close(context.Background()) })
	return f
}

func mustSend(t *testing.T, tr transport.Transport, m *transport.Message) {
	t.Helper()
	if err := tr.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// partialOf returns the one partial file of a folder.
func partialOf(t *testing.T, folder string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, ".*.partial"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d partial files, want 1: %v", len(found), err)
	}
	return found[0]
}

// finished returns the finished files of a folder.
func finished(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "[^.]*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFileTorn cuts the last record of a partial file at every byte, and replaces it by
// what a power cut may leave. The next run sends another message or only finishes.
func TestFileTorn(t *testing.T) {
	folder := t.TempDir()
	o := file.Options{Path: folder}
	f := openFolder(t, o)
	body := func(n int) string { return string(transporttest.Message(directory, n).Body) }
	var partial [3][]byte // the partial file after each message
	var path string
	for n := range partial {
		mustSend(t, f, transporttest.Message(directory, n))
		path = partialOf(t, folder)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		partial[n] = content
	}
	accepted := partial[1]
	record := bytes.TrimPrefix(partial[2][len(accepted):], []byte("\n"))
	for name, tail := range tornTails(record) {
		for _, more := range []bool{true, false} {
			if err := os.WriteFile(path, append(bytes.Clone(accepted), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			next := openFolder(t, o)
			want := []string{body(0), body(1)}
			if more {
				mustSend(t, next, transporttest.Message(directory, 3))
				want = append(want, body(3))
			}
			if err := next.Finish(t.Context(), "0", directory); err != nil {
				t.Fatal(err)
			}
			if got := readFolder(t, folder); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("%s, goes on %v: the file has %d lines, want %d: %.300q", name, more, len(got), len(want), got)
			}
			for _, e := range finished(t, folder) {
				if err := os.Remove(e); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestFileNothingWhole: a partial file without a whole record becomes no finished file.
func TestFileNothingWhole(t *testing.T) {
	folder := t.TempDir()
	mustSend(t, openFolder(t, file.Options{Path: folder}), transporttest.Message(directory, 1))
	if err := os.WriteFile(partialOf(t, folder), []byte("\n0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openFolder(t, file.Options{Path: folder}).Finish(t.Context(), "0", directory); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) > 0 {
		t.Errorf("files are left: %v, %v", files, err)
	}
}

// tornTails returns what a crash may leave at the end of a file in place of a record.
func tornTails(record []byte) map[string][]byte {
	tails := map[string][]byte{
		"zeros":           make([]byte, 5000),
		"zeros, a record": append(make([]byte, 4096), record...),
		"a hole":          append(append(bytes.Clone(record[:20]), make([]byte, 20)...), record[40:]...),
		"another byte":    append(append(bytes.Clone(record[:60]), record[60]+1), record[61:]...),
		"a line":          []byte("[{}]\n"),
		"an empty line":   []byte("\n"),
	}
	for n := range len(record) - 1 { // without its newline the record is still whole
		tails[fmt.Sprintf("cut at byte %d", n)] = record[:n]
	}
	return tails
}

// TestFileDamaged changes a byte of an accepted record. Finish must fail, since the
// finished file would lack that record. Records of an earlier run do not make up for it.
func TestFileDamaged(t *testing.T) {
	folder := t.TempDir()
	for n := range 5 {
		mustSend(t, openFolder(t, file.Options{Path: folder}), transporttest.Message(directory, 10+n))
	}
	f := openFolder(t, file.Options{Path: folder})
	for n := range 3 {
		mustSend(t, f, transporttest.Message(directory, n))
	}
	path := partialOf(t, folder)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-100]++
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	err = f.Finish(t.Context(), "0", directory)
	if text := fmt.Sprint(err); !strings.Contains(text, "can be read") || !strings.Contains(text, "--resend") {
		t.Errorf("Finish: error %v, want one that says how much can be read, and the remedy", err)
	}
	if transport.VerdictOf(err) != transport.Misconfigured {
		t.Errorf("Finish: the verdict of %v is %d, want Misconfigured", err, transport.VerdictOf(err))
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("%d files, want the partial one alone: %v, %v", len(files), files, err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, text) {
		t.Errorf("the partial file has changed, or is gone: %v", err)
	}
}

// TestFileOtherSettings changes format and compression between runs of the same
// directory. The settings of the run that finishes the file apply.
func TestFileOtherSettings(t *testing.T) {
	folder := t.TempDir()
	var f *file.Transport
	for n, o := range []file.Options{{Compression: "gzip"}, {Format: "flows"}, {}, {Format: "flows", Compression: "zstd"}} {
		o.Path = folder
		f = openFolder(t, o)
		mustSend(t, f, transporttest.Message(directory, n))
	}
	if got := finished(t, folder); got != nil {
		t.Errorf("files before Finish: %q", got)
	}
	if err := f.Finish(t.Context(), "0", directory); err != nil {
		t.Fatal(err)
	}
	if got := finished(t, folder); len(got) != 1 || !strings.HasSuffix(got[0], ".jsonl.zst") {
		t.Errorf("finished files %q, want one .jsonl.zst", got)
	}
	if got := readFolder(t, folder); len(got) != 8 {
		t.Errorf("%d lines, want two flows of each of four messages: %.300q", len(got), got)
	}
}

// TestFileNames: a file's name depends only on the directory, the messages and their ids.
// The same messages replace their file, and the same bodies with other ids do not.
func TestFileNames(t *testing.T) {
	name := func(directory, ids string, n ...int) string {
		folder := t.TempDir()
		f := openFolder(t, file.Options{Path: folder})
		for _, n := range n {
			m := transporttest.Message("x", n)
			m.Directory = directory
			m.ID += ids
			mustSend(t, f, m)
		}
		if err := f.Finish(t.Context(), "0", directory); err != nil {
			t.Fatal(err)
		}
		got := finished(t, folder)
		if len(got) != 1 {
			t.Fatalf("files are %q, want one", got)
		}
		return filepath.Base(got[0])
	}
	a := name("/srv/a/1.out", "", 1, 2)
	if !strings.HasPrefix(a, "1.out.") || !strings.HasSuffix(a, ".jsonl") {
		t.Errorf("the name is %q", a)
	}
	if b := name("/srv/a/1.out", "", 1, 2); b != a {
		t.Errorf("the same twice is %q and %q", a, b)
	}
	for what, other := range map[string]string{
		"more in it": name("/srv/a/1.out", "", 1, 2, 3), "another root": name("/srv/b/1.out", "", 1, 2),
		"other ids": name("/srv/a/1.out", "0", 1, 2),
	} {
		if other == a {
			t.Errorf("%s: has the same name, %s", what, a)
		}
	}
	long := "/srv/" + strings.Repeat("ü", 125) + ".out"
	if got := name(long, "", 1); len(got) > 255 {
		t.Errorf("a name of %d bytes", len(got))
	}
}

// TestFileBodyIsNoLine: a body that cannot be one line of the partial file is refused.
func TestFileBodyIsNoLine(t *testing.T) {
	for _, format := range []string{"messages", "flows"} {
		f := openFolder(t, file.Options{Path: t.TempDir(), Format: format})
		for _, body := range []string{"", "{", "[1,\n2]", "[\"\x00\"]", "[1"} {
			if err := f.Send(t.Context(), &transport.Message{ID: "x", Body: []byte(body), Directory: directory}); err == nil {
				t.Errorf("%s: body %q: no error", format, body)
			}
		}
	}
}

func TestFileTooLarge(t *testing.T) {
	f := openFolder(t, file.Options{Path: t.TempDir()})
	err := f.Send(t.Context(), &transport.Message{ID: "x", Body: make([]byte, 64<<20), Directory: directory})
	if transport.VerdictOf(err) != transport.TooLarge {
		t.Errorf("error %v has the verdict %d, want TooLarge", err, transport.VerdictOf(err))
	}
}

// TestFileStale: Open warns of a partial file that has not changed for a day.
func TestFileStale(t *testing.T) {
	folder := t.TempDir()
	mustSend(t, openFolder(t, file.Options{Path: folder}), transporttest.Message(directory, 1))
	var log bytes.Buffer
	o := file.Options{Path: folder, Log: slog.New(slog.NewTextHandler(&log, nil))}
	openFolder(t, o)
	if log.Len() > 0 {
		t.Errorf("a warning of a fresh file: %s", &log)
	}
	old := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(partialOf(t, folder), old, old); err != nil {
		t.Fatal(err)
	}
	openFolder(t, o)
	if !strings.Contains(log.String(), "msg=partial_file_old") || !strings.Contains(log.String(), filepath.Base(partialOf(t, folder))) {
		t.Errorf("no warning of a file of yesterday, but %q", &log)
	}
}

// TestFilePartialRemoved removes the partial file during a run.
func TestFilePartialRemoved(t *testing.T) {
	folder := t.TempDir()
	f := openFolder(t, file.Options{Path: folder})
	mustSend(t, f, transporttest.Message(directory, 1))
	if err := os.Remove(partialOf(t, folder)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Finish": f.Finish(t.Context(), "0", directory),
		"Send":   f.Send(t.Context(), transporttest.Message(directory, 2)),
	} {
		if transport.VerdictOf(err) != transport.Misconfigured || !strings.Contains(fmt.Sprint(err), "--resend") {
			t.Errorf("%s: error %v, want one that names the remedy", name, err)
		}
	}
}

// TestMain runs the tests, or is the child of TestFileProcessDies.
func TestMain(m *testing.M) {
	folder := os.Getenv(folderEnv)
	if folder == "" {
		os.Exit(m.Run())
	}
	if err := sendUntilFull(folder); err != nil {
		fmt.Println("failed", err)
	}
}

// sendUntilFull sends messages to a file and prints the number of each accepted message. It
// does not call Finish. If fullEnv is set, it ends when the file reaches 100 kB.
func sendUntilFull(folder string) error {
	if os.Getenv(fullEnv) != "" {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100_000, Max: 100_000}); err != nil {
			return err
		}
	}
	f, err := file.Open(file.Options{Path: folder})
	if err != nil {
		return err
	}
	var g errgroup.Group
	for i := range 4 {
		g.Go(func() error {
			for n := i; ; n += 4 {
				err := f.Send(context.Background(), transporttest.Message(directory, n))
				if errors.Is(err, unix.EFBIG) {
					return nil
				}
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(os.Stdout, "accepted %d\n", n)
			}
		})
	}
	return g.Wait()
}

// TestFileProcessDies kills the sender, or lets it reach a file size limit that cuts a
// record. The file that the next run finishes must hold every accepted message.
func TestFileProcessDies(t *testing.T) {
	for name, full := range map[string]bool{"killed": false, "no room": true} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			output := runChild(t, folder, full)
			if strings.Contains(output, "failed") || strings.Count(output, "accepted") < 10 {
				t.Fatalf("the child has printed %s", output)
			}
			f := openFolder(t, file.Options{Path: folder})
			if err := f.Finish(t.Context(), "0", directory); err != nil {
				t.Fatal(err)
			}
			count := make(map[string]int)
			for _, line := range readFolder(t, folder) {
				count[line]++
			}
			for line := range strings.Lines(output) {
				var n int
				if _, err := fmt.Sscanf(line, "accepted %d\n", &n); err != nil {
					continue
				}
				if c := count[string(transporttest.Message(directory, n).Body)]; c != 1 {
					t.Errorf("message %d was accepted, and stands %d times in the file", n, c)
				}
			}
		})
	}
}

// runChild runs sendUntilFull in a process of its own and returns what it has printed. If full,
// the child ends by itself. Otherwise runChild kills the child after some messages.
func runChild(t *testing.T, folder string, full bool) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), folderEnv+"="+folder)
	if full {
		cmd.Env = append(cmd.Env, fullEnv+"=1")
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	accepted := 0
	for lines := bufio.NewReader(out); err == nil; {
		var line string
		line, err = lines.ReadString('\n')
		output.WriteString(line)
		if strings.HasPrefix(line, "accepted") {
			accepted++
		}
		if !full && accepted == 50 {
			_ = cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); full && err != nil {
		t.Fatal(err)
	}
	return output.String()
}

// TestFileCheckFull: Check fails if a file can be created but not written.
func TestFileCheckFull(t *testing.T) {
	folder := t.TempDir()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	findings := file.Check(file.Options{Path: folder})
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if len(findings) != 1 || !errors.Is(findings[0].Err, unix.EFBIG) {
		t.Errorf("findings are %+v, want one with EFBIG", findings)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) > 0 {
		t.Errorf("files are left: %v, %v", files, err)
	}
}
