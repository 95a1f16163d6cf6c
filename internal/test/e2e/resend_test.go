package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/loggen"
)

// stateFiles returns the content, inode and times of each state file below the root.
func (s *site) stateFiles() map[string]string {
	s.t.Helper()
	found := make(map[string]string)
	for _, dir := range s.directories() {
		for _, name := range []string{".processed", ".processing"} {
			path := filepath.Join(s.root, dir, name)
			info, err := os.Stat(path)
			if os.IsNotExist(err) {
				continue
			}
			if err != nil {
				s.t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				s.t.Fatal(err)
			}
			st := info.Sys().(*syscall.Stat_t)
			found[filepath.Join(dir, name)] = fmt.Sprint(string(text), st.Ino, st.Mtim, st.Ctim)
		}
	}
	return found
}

// resend returns the flags of a resend from one hour to another.
func resend(since, until int) []string {
	at := func(hours int) string {
		return firstMinute.Add(time.Duration(hours) * time.Hour).Format("2006-01-02T15:04")
	}
	return []string{"--resend", "--since", at(since), "--until", at(until)}
}

// TestResendSpan sends four of six directories again. It stops the resend in mid-run, and
// goes on as the hint says. The ids and bodies are those of the first run, which
// checkArrived compares, and the state files do not change.
func TestResendSpan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	outside := loggen.DirName(firstMinute.Add(9 * time.Hour))
	corpus(t, "v3.0_bulk", s.root)
	write(t, filepath.Join(s.root, outside, tcpLog), lines(t, loggen.TCP, 9, 50)...)
	s.send().want(allDone)
	s.checkArrived()
	before := s.stateFiles()
	first := make(map[string]int)
	for _, d := range s.got {
		first[d.MessageId]++
	}

	s.repeats = true
	p, _ := s.underWay(append(resend(0, 4), narrow...)...)
	s.awaitArrived(p, 45) // the first directory has about 30 messages
	p.Signal(syscall.SIGTERM)
	r := p.wait().want(tryAgain, "event=resend_stopped")
	s.direct()
	hint := regexp.MustCompile(`continue with --since (\S+) --until ([0-9TZ:+-]+)`).FindStringSubmatch(r.Log)
	if hint == nil {
		t.Fatalf("no hint:\n%s", r.log())
	}
	s.collect()
	resent := len(s.got) - len(first)
	if hint[1] <= firstMinute.Format(time.RFC3339) || resent == 0 {
		t.Errorf("%d messages were sent again, and the resend is to go on at %s: too early", resent, hint[1])
	}
	s.send("--resend", "--since", hint[1], "--until", hint[2]).want(allDone)
	s.checkArrived()

	times := make(map[string]int)
	for _, d := range s.got {
		times[d.MessageId]++
	}
	inSpan := 0
	for i := range 4 {
		for id := range s.ofDirectory(loggen.DirName(firstMinute.Add(time.Duration(i) * time.Hour))) {
			inSpan++
			if times[id] != 2 && times[id] != 3 {
				t.Errorf("message %s came %d times", id, times[id])
			}
			delete(times, id)
		}
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("message %s lies outside of the span and came %d times", id, n)
		}
	}
	t.Logf("%d messages in the span, %d outside, %d sent again before the stop", inSpan, len(times), resent)
	if after := s.stateFiles(); !maps.Equal(after, before) {
		t.Errorf("state files:\n%v\nwant\n%v", after, before)
	}
	if n := s.send().want(allDone).count("published"); n != 0 {
		t.Errorf("a run after the resend sent %d messages", n)
	}
}

// TestResendLocks: neither a run nor the culler touches a directory that a resend works on.
// The resend names the directories that the culler deletes before the resend comes to them.
func TestResendLocks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.send().want(allDone)
	s.checkArrived()
	p, proxy := s.underWay(append(resend(0, 4), narrow...)...)
	proxy.Hold(true)
	s.send().want(tryAgain, "root_locked")
	cull := s.cull("-v").want(allDone)
	if cull.count("locked") == 0 || cull.count("directories") == 0 {
		t.Errorf("want some directories locked, and some culled:\n%s", cull.log())
	}
	proxy.Hold(false)
	r := p.wait().want(allDone)
	if n := strings.Count(r.Log, "level=WARN event=directory_vanished"); r.count("directories")+n != 4 || n == 0 {
		t.Errorf("%d directories vanished, want some, and all others sent:\n%s", n, r.log())
	}
}
