package e2e

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

const (
	testdata = "../../../testdata"
	tcpLog   = "log_tcp_complete"
	udpLog   = "log_udp_complete"
)

// owedMessage is a message that must arrive, as the slow reference makes it.
type owedMessage struct {
	flows []message.Flow
	text  string // the flows as JSON
}

// equals reports whether a body is the same JSON value as the message.
func (m owedMessage) equals(t testing.TB, body []byte) bool {
	t.Helper()
	if string(body) == m.text {
		return true
	}
	return reference.MustCanonical(t, body) == reference.MustCanonical(t, []byte(m.text))
}

// referenceCache holds the results of messagesOf, by content and logRead.
var referenceCache sync.Map

// logRead describes a log and how tstat_send reads it.
type logRead struct {
	dir       string // directory, relative to the root
	name      string // tcpLog or udpLog
	instance  string // instance id; "" means that none is given
	threshold string // "" means 0
	from      int64  // position at which reading starts
}

// messagesOf returns the messages of a log with this content, by message id.
func messagesOf(t testing.TB, content []byte, l logRead) map[string]owedMessage {
	t.Helper()
	key := fmt.Sprintf("%x %v", sha256.Sum256(content), l)
	if m, ok := referenceCache.Load(key); ok {
		return m.(map[string]owedMessage)
	}
	settings := reference.Settings{Threshold: cmp.Or(l.threshold, "0"), Sensor: sensor, From: l.from}
	if l.instance != "" {
		settings.Instance = message.InstanceID{Name: l.instance, Given: true}
	}
	idPrefix := fmt.Sprintf("%s/%s/%s/%s", sensor, cmp.Or(l.instance, "0"), l.dir, l.name)
	result, err := reference.Read(content, reference.Protocols[l.name], settings)
	if err != nil {
		t.Fatalf("%s: %v", idPrefix, err)
	}
	messages := map[string]owedMessage{}
	for _, m := range reference.Messages(result) {
		text := wantSchema(t, idPrefix, m.Flows)
		messages[m.ID(idPrefix, []byte(text))] = owedMessage{m.Flows, text}
	}
	referenceCache.Store(key, messages)
	return messages
}

// messagesIn returns the messages of the logs in a directory of a root, by message id.
func messagesIn(t testing.TB, root, dir, instance string) map[string]owedMessage {
	t.Helper()
	all := map[string]owedMessage{}
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".gz")
		if _, ok := reference.Protocols[name]; ok && e.Type().IsRegular() {
			log := testkit.ReadLog(t, filepath.Join(root, dir, e.Name()))
			maps.Copy(all, messagesOf(t, log, logRead{dir: dir, name: name, instance: instance}))
		}
	}
	return all
}

// messagesBelow returns the messages of all logs below a root, by message id.
func messagesBelow(t testing.TB, root, instance string) map[string]owedMessage {
	t.Helper()
	all := map[string]owedMessage{}
	for _, dir := range outDirectories(t, root) {
		maps.Copy(all, messagesIn(t, root, dir, instance))
	}
	return all
}

// corpus copies directories of real logs, testdata/corpus/NAME, below root.
func corpus(t testing.TB, name, root string) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(testdata, "corpus", name, "*.out"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("corpus %s: %v", name, err)
	}
	for _, dir := range dirs {
		if err := os.CopyFS(filepath.Join(root, filepath.Base(dir)), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
}

// generate writes synthetic logs below root: a directory for each version of Tstat, and about
// rows rows in all, some of them dirty. It returns the counts of the rows.
func generate(t testing.TB, rows int, root string) (books loggen.Books) {
	t.Helper()
	versions := loggen.Versions()
	for i, v := range versions {
		g, err := loggen.New(loggen.Options{Seed: uint64(i + 1), Version: v, Dirt: 0.02, Start: firstMinute.AddDate(0, 0, i)})
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(root, loggen.DirName(firstMinute.AddDate(0, 0, i)))
		logs, made := generateLogs(t, g, rows/len(versions)/2)
		for name, content := range logs {
			write(t, filepath.Join(dir, name), string(content))
		}
		books.Rows += made.Rows
		books.Malformed += made.Malformed
		books.Flows += made.Flows
	}
	return books
}

// generateLogs returns the contents of a TCP log and a UDP log by name, with about rows rows in
// each, and the counts of the rows of both.
func generateLogs(t testing.TB, g *loggen.Generator, rows int) (logs map[string][]byte, books loggen.Books) {
	t.Helper()
	logs = map[string][]byte{}
	for _, log := range []struct { // in this order, since the logs of a generator depend on it
		name  string
		write func(io.Writer, loggen.Size) (loggen.Books, error)
	}{{tcpLog, g.TCP}, {udpLog, g.UDP}} {
		var b bytes.Buffer
		made, err := log.write(&b, loggen.Rows(int64(rows)))
		if err != nil {
			t.Fatal(err)
		}
		logs[log.name] = b.Bytes()
		books.Rows += made.Rows
		books.Malformed += made.Malformed
		books.Flows += made.Flows
	}
	return logs, books
}

// TestGenerateLogs: the same seed gives the same logs.
func TestGenerateLogs(t *testing.T) {
	var first map[string][]byte
	for range 20 {
		g, err := loggen.New(loggen.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		logs, _ := generateLogs(t, g, 10)
		if first == nil {
			first = logs
		}
		for name, content := range first {
			if !bytes.Equal(logs[name], content) {
				t.Fatalf("one seed gave two different %s", name)
			}
		}
	}
}

// lines returns the header of a log and count clean rows. Rows of different streams differ.
func lines(t testing.TB, p loggen.Proto, stream uint64, count int) []string {
	t.Helper()
	g, err := loggen.New(loggen.Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	m := g.Maker(p, stream)
	all := []string{m.Header()}
	for i := range count {
		row := m.Append(nil, uint64(i), firstMinute)
		all = append(all, string(row))
	}
	return all
}

func readAll(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// write writes a file that consists of these parts, and makes its directory.
func write(t testing.TB, path string, parts ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Join(parts, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t testing.TB, path string, parts ...string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(strings.Join(parts, ""))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// firstMinute is the time in the name of the first synthetic directory.
var firstMinute = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)

// outDirectories returns the paths of the *.out directories below root, relative to root.
func outDirectories(t testing.TB, root string) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasSuffix(path, ".out") {
			rel, err := filepath.Rel(root, path)
			dirs = append(dirs, rel)
			return cmp.Or(err, fs.SkipDir)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// wantNoneLeft wants no *.out directory to be left below root.
func wantNoneLeft(t testing.TB, root string) {
	t.Helper()
	if left := outDirectories(t, root); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// listing returns the names, sizes, modes and times of all files below root.
func listing(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintf(&b, "%s %d %s %s\n", path, info.Size(), info.Mode(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
