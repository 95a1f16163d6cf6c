package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// TestManyRows sends varied rows of every layout.
func TestManyRows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := testkit.UnderRace(8_000, 40_000)
	books := generate(t, rows, s.root)
	r := s.send().want(allDone)
	if books.Rows < int64(rows) || r.count("rows") != int(books.Rows) || r.count("malformed") != int(books.Malformed) || r.count("flows") != int(books.Flows) {
		t.Errorf("summary %v, want %+v", r.Summary, books)
	}
	s.wantComplete()
	if len(s.got) < int(books.Flows)/100 {
		t.Errorf("%d messages for %d flows", len(s.got), books.Flows)
	}
}

// TestSingle stops after the first directory of which a message was sent.
func TestSingle(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "header_only", s.root) // the oldest: nothing to send
	corpus(t, "rotation", s.root)
	for i, want := range []int{2, 3, 3} {
		s.send("-s").want(allDone)
		marked := 0
		for _, dir := range s.directories() {
			if s.marked(dir) {
				marked++
			}
		}
		if marked != want {
			t.Errorf("%d directories are marked after %d runs with -s, want %d", marked, i+1, want)
		}
		s.checkArrived()
	}
	s.wantComplete()
}

// TestRoots: several instances of Tstat in one run.
func TestRoots(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	args := []string{"-c", s.ConfigFile(), "-S", sensor, "-T", "0"}
	want := map[string]owedMessage{}
	for instance, logs := range map[string]string{"": "lossy_level31", "east": "v3.0_bulk", "7": "v2.4_bulk"} {
		root := filepath.Join(t.TempDir(), "root")
		corpus(t, logs, filepath.Join(root, "nested"))
		if instance == "" {
			args = append(args, "-d", root)
		} else {
			args = append(args, "-d", instance+"="+root)
		}
		maps.Copy(want, messagesBelow(t, root, instance))
	}
	run(t, "tstat_send", args...).want(allDone)
	s.wantMessages("three roots", want)
	run(t, "tstat_send", args...).want(allDone)
	s.wantMessages("again", nil)
}

// TestCullKeepsUnsent: the culler deletes what was sent, and nothing else.
func TestCullKeepsUnsent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "rotation", s.root)
	corpus(t, "lossy_level31", s.root)
	s.send().want(allDone)
	s.checkArrived()
	// One directory has grown, one has lost its mark.
	dirs := s.directories()
	grown, unmarked, done := dirs[0], dirs[1], dirs[2]
	path := filepath.Join(s.root, grown, udpLog)
	log := string(testkit.ReadLog(t, path))
	appendTo(t, path, log[strings.LastIndex(log[:len(log)-1], "\n")+1:])
	if err := os.Remove(filepath.Join(s.root, unmarked, ".processed")); err != nil {
		t.Fatal(err)
	}
	r := s.cull().want(allDone, udpLog, "has grown", grown)
	if r.count("directories") != 1 {
		t.Errorf("%d directories were culled, want 1", r.count("directories"))
	}
	for dir, want := range map[string]bool{grown: true, unmarked: true, done: false} {
		if got := exists(filepath.Join(s.root, dir)); got != want {
			t.Errorf("%s is there: %v, want %v", dir, got, want)
		}
	}
	s.send().want(allDone)
	s.cull().want(allDone)
	wantNoneLeft(t, s.root) // everything was sent
}

// TestQueueIsDeclared: a missing queue is declared as the configuration says. An existing
// queue is left as it is.
func TestQueueIsDeclared(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "v3.0_bulk", s.root)
	s.QueueOptions["x-max-length"] = "1000"
	s.send().want(allDone)
	s.Node.DeclareQueue(t, s.VHost, queue, map[string]any{"x-max-length": int64(1000)}) // fails (406) if the queue has other arguments
	s.QueueOptions["x-max-length"] = "5"
	s.QueueOptions["durable"] = "False"
	corpus(t, "v2.4_repeated_headers", s.root)
	s.send().want(allDone)
	s.wantComplete()
}
