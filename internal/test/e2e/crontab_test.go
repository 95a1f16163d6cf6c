package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pythonConfig is a configuration file of the Python tool.
const pythonConfig = `[rabbit]
host = localhost
port = %d
username = %s
password = %s
use_ssl = False
vhost = %s
queue = netsage_tstat
routing_key = netsage_tstat
exchange =

; queue arguments
[rabbit_queue_options]
durable = True
auto_delete = False
exclusive = False
`

// TestCrontab runs a crontab line of the Python tool with one of its configuration files.
func TestCrontab(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "rotation", s.root)
	corpus(t, "hostile_names", s.root)
	config := filepath.Join(t.TempDir(), "config.ini")
	text := fmt.Sprintf(pythonConfig, s.Node.Port(), s.User, secret, s.VHost)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("%s -d %s -c %s -T 0 -S sensor1 -I 2", binary(t, "tstat_send"), s.root, config)
	r := startCommand(t, exec.Command("/bin/sh", "-c", line)).wait().want(allDone, "malformed=5")
	if want := 2012 + 95; r.count("rows") != want {
		t.Errorf("%d rows, want %d", r.count("rows"), want)
	}
	s.wantMessages("crontab", messagesBelow(t, s.root, "2"))
}

// TestQuietSuccess: a successful run prints one line, since cron mails all output.
func TestQuietSuccess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "lossy_level31", s.root)
	for _, what := range []string{"sends", "finds nothing new"} {
		r := s.send().want(allDone)
		if lines := strings.Count(r.Log, "\n"); lines != 1 || r.Summary == nil || r.Out != "" {
			t.Errorf("a run that %s prints %d lines, want the summary alone:\n%s%s", what, lines, r.Out, r.Log)
		}
	}
	s.wantComplete()
}

// TestPythonMark: nothing is sent of a directory that the Python tool marked.
func TestPythonMark(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "lossy_level31", s.root)
	for _, dir := range s.directories() {
		write(t, filepath.Join(s.root, dir, ".processed"), "processed\n")
	}
	r := s.send().want(allDone)
	if r.count("published") != 0 || s.Queued() != 0 {
		t.Errorf("%d messages were sent of directories that the Python tool marked", r.count("published"))
	}
}
