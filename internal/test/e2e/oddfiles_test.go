package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// TestOddStateFiles: something else stands in the place of a state file or of its temporary
// file. A link is never followed. If the thing cannot be replaced, the log names it, and its
// directory alone is not marked.
func TestOddStateFiles(t *testing.T) {
	t.Parallel()
	obstacles := map[string]func(f *folder, path string) error{
		"directory": func(_ *folder, p string) error { return os.Mkdir(p, 0o755) },
		"full directory": func(_ *folder, p string) error {
			return errors.Join(os.Mkdir(p, 0o755), os.WriteFile(p+"/x", nil, 0o644))
		},
		"link to a file":      func(f *folder, p string) error { return os.Symlink(f.neighbour+"/precious", p) },
		"link to a directory": func(f *folder, p string) error { return os.Symlink(f.neighbour, p) },
		"link to nothing":     func(f *folder, p string) error { return os.Symlink(f.neighbour+"/nothing", p) },
		"link to itself":      func(_ *folder, p string) error { return os.Symlink(filepath.Base(p), p) },
		"hard link":           func(f *folder, p string) error { return os.Link(f.root+"/stranger", p) },
		"fifo":                func(_ *folder, p string) error { return syscall.Mkfifo(p, 0o644) },
		"empty":               func(_ *folder, p string) error { return os.WriteFile(p, nil, 0o644) },
		"megabytes":           func(_ *folder, p string) error { return os.WriteFile(p, bytes.Repeat([]byte("[{"), 5<<20), 0o644) },
		"megabytes of ours": func(_ *folder, p string) error {
			return os.WriteFile(p, []byte(`{"tool":"tstat_send","version":"`+strings.Repeat("x", 8<<20)), 0o644)
		},
	}
	for _, name := range []string{".processing", ".processed.tmp", ".processing.tmp"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			write(t, f.root+"/stranger", "not to be written to")
			rows, stuck := f.addLog("good.out", 1), 0
			for i, obstacle := range slices.Sorted(maps.Keys(obstacles)) {
				rows += f.addLog(obstacle+".out", uint64(2+i))
				if err := obstacles[obstacle](f, filepath.Join(f.root, obstacle+".out", name)); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(obstacle, "directory") && !strings.HasPrefix(obstacle, "link") {
					stuck++
				}
			}
			r := f.send().want(ioTrouble, "directory_not_writable", "/full directory.out/"+name, "/directory.out/"+name)
			// sent counts rows as they are read, even if their messages are not published.
			if r.count("rows") != rows || r.count("sent") != rows || r.count("failed") != 0 || r.count("marked") != len(obstacles)+1-stuck {
				t.Errorf("of %d rows in %d directories, %d of which cannot be marked: %v", rows, len(obstacles)+1, stuck, r.Summary)
			}
			if text := readAll(t, f.root+"/stranger"); text != "not to be written to" {
				t.Errorf("a hard link was written through: %q", text)
			}
			// Once the obstacles are removed, the next run marks everything.
			for obstacle := range obstacles {
				if err := os.RemoveAll(filepath.Join(f.root, obstacle+".out", name)); err != nil {
					t.Fatal(err)
				}
			}
			f.send().want(allDone)
			f.cull().want(allDone)
			wantNoneLeft(t, f.root)
		})
	}
}

// TestZeroedMark: a power cut damages a mark. The directory is not culled, and the next run
// sends its log from the start.
func TestZeroedMark(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(mark string) string{
		"zeros":   func(mark string) string { return strings.Repeat("\x00", len(mark)) },
		"empty":   func(string) string { return "" },
		"cut":     func(mark string) string { return mark[:len(mark)/2] },
		"garbage": func(string) string { return "garbage\n" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.addLog("a.out", 1)
			f.send().want(allDone)
			path := filepath.Join(f.root, "a.out", ".processed")
			write(t, path, damage(readAll(t, path)))
			f.cull()
			if !exists(filepath.Join(f.root, "a.out", tcpLog)) {
				t.Fatal("culled by a damaged mark")
			}
			rows := f.addLog("a.out", 2)
			r := f.send().want(allDone, "mark_damaged", "a.out/.processed")
			if got := r.count("sent"); got != rows {
				t.Errorf("%d of %d rows were sent", got, rows)
			}
			f.cull().want(allDone)
			wantNoneLeft(t, f.root)
		})
	}
}

// TestRawNames: names with newlines, control characters and bytes that are not UTF-8 break
// no log line, no report and no message.
func TestRawNames(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	names := []string{
		"new\nline", "\nevent=summary status=0", "not\xff\xfeutf8", "esc\x1b[2Jape", "sp  ace ", "quote\"'\\", "nul\x01", "per%s%n", "ünï",
		strings.Repeat("x", 251), strings.Repeat("\xff", 251), "-rf",
	}
	for i, name := range names {
		f.addLog("in "+name+"/"+name+".out", uint64(i))
	}
	broken := "broken\n\xff.out"
	write(t, filepath.Join(f.root, broken, udpLog), "no header\n")
	report, metrics := filepath.Join(t.TempDir(), "report"), filepath.Join(t.TempDir(), "metrics.prom")
	for _, format := range []string{"text", "json"} {
		r := f.send("-D", "--log-format", format, "--report", report, "--metrics", metrics)
		if r.Status != ioTrouble {
			t.Errorf("status %d:\n%s", r.Status, r.log())
		}
		for line := range strings.Lines(r.Log) {
			if !utf8.ValidString(line) || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\x01") {
				t.Errorf("a raw name is logged: %q", line)
			}
			if format == "json" && !json.Valid([]byte(line)) || format == "text" && !strings.HasPrefix(line, "time=") {
				t.Errorf("a malformed line of the log: %q", line)
			}
		}
		for _, path := range []string{report, metrics} {
			if text := readAll(t, path); !utf8.ValidString(text) || path == report && !json.Valid([]byte(text)) {
				t.Errorf("%s: %q", path, text)
			}
		}
	}
	for _, name := range names {
		if !f.marked("in " + name + "/" + name + ".out") {
			t.Errorf("%q is not marked", name)
		}
	}
	// Nothing is printed: all directories are marked, except the one with the broken log.
	r := run(t, "tstat_send", "-d", f.root, "-N", "-T", "0", "-S", sensor)
	if r.Status != ioTrouble || strings.Count(r.Out, "\n") != 0 {
		t.Errorf("status %d, %q", r.Status, r.Out)
	}
	if r := f.cull("-v"); r.Status != allDone || len(f.directories()) != 1 {
		t.Errorf("status %d, left %q", r.Status, f.directories())
	}
	check := start(t, "tstat_send", f.args("--check")...).wait()
	for line := range strings.Lines(check.Out) {
		word, _, _ := strings.Cut(line, " ") // empty on a continuation line
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\x1b\x01") || !slices.Contains([]string{"ok", "note", "wrong", ""}, word) {
			t.Errorf("--check prints a raw name: %q", line)
		}
	}
}
