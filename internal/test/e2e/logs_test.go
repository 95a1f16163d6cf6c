package e2e

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	typed "tstat-transport/internal/message"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/reference"
	"tstat-transport/internal/test/testkit"
)

const (
	testdata = "../../../testdata"
	tcpLog   = "log_tcp_complete"
	udpLog   = "log_udp_complete"
)

// kinds are the protocols of logs by file name.
var kinds = map[string]reference.Protocol{tcpLog: reference.TCP, udpLog: reference.UDP}

// message is a message that must arrive, as the slow reference makes it.
type message struct {
	flows []typed.Flow
	text  string // the flows as JSON
}

// equals reports whether a body is the same JSON value as the message.
func (m message) equals(t testing.TB, body []byte) bool {
	t.Helper()
	if string(body) == m.text {
		return true
	}
	return reference.MustCanonical(t, body) == reference.MustCanonical(t, []byte(m.text))
}

var referenceCache sync.Map // of map[string]message, by content and settings

// messagesOf returns the messages of a log that is read from its start, by message id. The
// ids begin with idPrefix: SENSOR/INSTANCE/DIRECTORY/LOG.
func messagesOf(t testing.TB, path string, kind reference.Protocol, idPrefix, threshold, instance string) map[string]message {
	t.Helper()
	return messagesFrom(t, testkit.ReadLog(t, path), 0, kind, idPrefix, threshold, instance)
}

// messagesFrom is messagesOf for the content of a log that is read from a position on.
func messagesFrom(t testing.TB, log []byte, from int64, kind reference.Protocol, idPrefix, threshold, instance string) map[string]message {
	t.Helper()
	key := fmt.Sprintf("%x %d %s %s %s %s", sha256.Sum256(log), from, kind, idPrefix, threshold, instance)
	if m, ok := referenceCache.Load(key); ok {
		return m.(map[string]message)
	}
	settings := reference.Settings{Threshold: threshold, Sensor: sensorOf(idPrefix), From: from}
	if instance != "" {
		settings.Instance = typed.InstanceID{Name: instance, Given: true}
	}
	result, err := reference.Read(log, kind, settings)
	if err != nil {
		t.Fatalf("%s: %v", idPrefix, err)
	}
	messages := map[string]message{}
	for _, m := range reference.Messages(result) {
		text := wantSchema(t, idPrefix, m.Flows)
		messages[fmt.Sprintf("%s@%d-%d~%08x", idPrefix, m.From, m.To, crc32.ChecksumIEEE([]byte(text)))] = message{m.Flows, text}
	}
	referenceCache.Store(key, messages)
	return messages
}

func sensorOf(idPrefix string) string {
	s, _, _ := strings.Cut(idPrefix, "/")
	return s
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

// generated writes synthetic logs, some rows of which are dirty, below root: a directory for
// each version, about rows rows in all. It returns their books.
func generated(t testing.TB, rows int, root string) (books loggen.Books) {
	t.Helper()
	versions := loggen.Versions()
	for i, v := range versions {
		g, err := loggen.New(loggen.Options{Seed: uint64(i + 1), Version: v, Dirt: 0.02, Start: firstMinute.AddDate(0, 0, i)})
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(root, loggen.DirName(firstMinute.AddDate(0, 0, i)))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		size := loggen.Rows(int64(rows / len(versions) / 2))
		for name, generate := range map[string]func(io.Writer, loggen.Size) (loggen.Books, error){tcpLog: g.TCP, udpLog: g.UDP} {
			var b bytes.Buffer
			made, err := generate(&b, size)
			if err != nil {
				t.Fatal(err)
			}
			books.Rows += made.Rows
			books.Malformed += made.Malformed
			books.Flows += made.Flows
			write(t, filepath.Join(dir, name), b.Bytes())
		}
	}
	return books
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
		row, _ := m.Append(nil, uint64(i), firstMinute)
		all = append(all, string(row))
	}
	return all
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t testing.TB, path string, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// firstMinute is the time in the name of the first synthetic directory.
var firstMinute = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)

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
