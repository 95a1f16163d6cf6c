package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tstat-transport/internal/test/loggen"
)

const (
	nobody  = 65534
	nogroup = 65534
)

// unprivileged starts one of the programs as the user nobody. The user owns only the files
// that a test gives to it. The directories of Tstat belong to its group.
func unprivileged(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(binary(t, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nogroup}}
	letIn(t, cmd.Path)
	return startCommand(t, cmd)
}

// sendUnprivileged runs tstat_send as the user nobody, to whom the configuration file belongs.
func (s *site) sendUnprivileged(args ...string) result {
	s.t.Helper()
	config := s.ConfigFile()
	if err := os.Chown(config, nobody, nogroup); err != nil {
		s.t.Fatal(err)
	}
	letIn(s.t, s.root, config)
	args = append([]string{"-d", s.root, "-c", config, "-S", sensor, "-T", "0"}, args...)
	return unprivileged(s.t, "tstat_send", args...).wait()
}

// onlyRoot skips a test that must run programs as another user.
func onlyRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can run the programs as another user")
	}
}

func chmod(t *testing.T, mode os.FileMode, path string) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// giveGroup gives a directory, but not its files, to the group of the user, as a sensor's
// administrator does with Tstat's directories.
func giveGroup(t *testing.T, path string) {
	t.Helper()
	if err := os.Chown(path, 0, nogroup); err != nil {
		t.Fatal(err)
	}
	chmod(t, 0o775, path)
}

// letIn lets every user enter the directories that lead to the paths. It changes only those that
// the tests have made, and fails the test if another one, such as /root, is closed.
func letIn(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode()&0o005 == 0o005 {
				continue
			}
			if !strings.HasPrefix(dir, filepath.Clean(os.TempDir())+"/") { //nolint:usetesting // the directory above the TempDir of each test
				t.Fatalf("other users may not enter %s: set TMPDIR to a directory that they may enter", dir)
			}
			chmod(t, 0o755, dir)
		}
	}
}

// TestUnprivileged: a user who may read everything, but write only into the .out
// directories, can send. Everybody can read the marks.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	s := newSite(t)
	corpus(t, "rotation", s.root)
	for _, dir := range s.directories() {
		giveGroup(t, filepath.Join(s.root, dir))
	}
	chmod(t, 0o755, s.root)
	check := s.sendUnprivileged("--check")
	if check.Status != allDone || !strings.Contains(check.Out, "marks: can be written") {
		t.Errorf("--check: status %d\n%s", check.Status, check.Out)
	}
	s.sendUnprivileged().want(allDone)
	for _, dir := range s.directories() {
		path := filepath.Join(s.root, dir, ".processed")
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); info.Mode() != 0o644 || owner.Uid != nobody {
			t.Errorf("%s has mode %v and belongs to %d", path, info.Mode(), owner.Uid)
		}
		// The mark may also come from root, readable by root alone.
		if err := os.Chown(path, 0, 0); err != nil {
			t.Fatal(err)
		}
		chmod(t, 0o600, path)
	}
	s.checkArrived()
	s.sendUnprivileged().want(ioTrouble, ".processed", "permission denied") // the marks cannot be read
	for _, dir := range s.directories() {
		path := filepath.Join(s.root, dir, ".processed")
		chmod(t, 0o644, path)
		appendTo(t, filepath.Join(s.root, dir, tcpLog), lines(t, loggen.TCP, 3, 5)[1:]...)
	}
	if r := s.sendUnprivileged().want(allDone); r.count("rows") != 10 || r.count("marked") != 2 {
		t.Errorf("%v, want 10 new rows in 2 directories", r.Summary)
	}

	// A directory that the user may not rename, since s.root is not writable, stays whole.
	before := listing(t, s.root)
	unprivileged(t, "tstat_cull", "-d", s.root, "-t", "0").wait().want(ioTrouble, "permission denied")
	if after := listing(t, s.root); after != before {
		t.Errorf("culling without permission has changed\n%s\nto\n%s", before, after)
	}
	giveGroup(t, s.root)
	unprivileged(t, "tstat_cull", "-d", s.root, "-t", "0").wait().want(allDone)
	wantNoneLeft(t, s.root)
}

// TestClosed: files and directories that an unprivileged user may not read, search or write
// are named. Everything else is sent and marked.
func TestClosed(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	f := newFolder(t)
	letIn(t, f.config, f.root)
	if err := os.Chown(f.out, nobody, nogroup); err != nil {
		t.Fatal(err)
	}
	closed := []struct {
		path  string
		mode  os.FileMode // the last digit is the user's: path belongs to root
		read  int         // rows that the run reads and counts as sent, but cannot publish
		event string      // in the log
	}{
		{"unreadable.out", 0o773, 0, "directory_unreadable"},
		{"unsearchable.out", 0o776, 0, "directory_unreadable"},
		{"shut.out", 0o770, 0, "directory_unreadable"},
		{"readonly.out", 0o775, 3, "directory_not_writable"},
		{"log.out/" + tcpLog, 0o640, 0, "log_unreadable"},
		{"mark.out/.processed", 0o640, 0, "directory_unreadable"},
	}
	rows := f.addLog("good.out", 1)
	giveGroup(t, f.root+"/good.out")
	for i, c := range closed {
		dir, _, _ := strings.Cut(c.path, "/")
		f.addLog(dir, uint64(2+i))
		rows += c.read
		path := filepath.Join(f.root, c.path)
		if !exists(path) {
			write(t, path)
		}
		giveGroup(t, filepath.Join(f.root, dir))
		if err := os.Chown(path, 0, 0); err != nil {
			t.Fatal(err)
		}
		chmod(t, c.mode, path)
	}
	send := func() result {
		t.Helper()
		return unprivileged(t, "tstat_send", f.args()...).wait()
	}
	for _, published := range []int{1, 0} { // good.out has one message
		r := send().want(ioTrouble)
		for _, c := range closed {
			named := slices.ContainsFunc(strings.Split(r.Log, "\n"), func(line string) bool {
				return strings.Contains(line, c.event) && strings.Contains(line, filepath.Join(f.root, c.path)) && strings.Contains(line, "denied")
			})
			if !named {
				t.Errorf("no line says %q of %s:\n%s", c.event, c.path, r.log())
			}
		}
		if r.count("published") != published || r.count("sent") != rows || r.count("failed") != 0 || !f.marked("good.out") || f.marked("readonly.out") {
			t.Errorf("%v, want %d messages and %d rows", r.Summary, published, rows)
		}
		rows = 3 // those of readonly.out: good.out is marked
	}
	for _, c := range closed {
		path := filepath.Join(f.root, c.path)
		if c.path == "mark.out/.processed" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		chmod(t, 0o755, path)
		if strings.HasSuffix(path, ".out") {
			giveGroup(t, path)
		}
	}
	if r := send().want(allDone); r.count("marked") != len(closed) {
		t.Errorf("%v, want %d directories marked", r.Summary, len(closed))
	}
}

// TestUmask: the umask limits the modes of the marks and of the rejects file.
func TestUmask(t *testing.T) {
	t.Parallel()
	for umask, mode := range map[string]os.FileMode{"000": 0o644, "022": 0o644, "027": 0o640, "077": 0o600} {
		f := newFolder(t)
		f.addLog("a.out", 1)
		write(t, f.root+"/b.out/"+tcpLog, append(lines(t, loggen.TCP, 2, 3), "no row\n")...)
		rejects := f.root + "/rejects"
		line := "umask " + umask + ` && exec "$0" "$@"`
		args := append([]string{"-c", line, binary(t, "tstat_send")}, f.args("--rejects", rejects)...)
		startCommand(t, exec.Command("/bin/sh", args...)).wait().want(allDone)
		for path, want := range map[string]os.FileMode{
			f.root + "/a.out/.processed": mode, f.root + "/b.out/.processed": mode, rejects: mode &^ 0o004,
		} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != want {
				t.Errorf("umask %s: %s has mode %v, want %v", umask, filepath.Base(path), info.Mode(), want)
			}
		}
	}
}

// TestPasswords: no output shows the password, wherever the password comes from and whatever
// goes wrong. Every run in this package is checked for that; this test tries all the ways to
// give a password.
func TestPasswords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	corpus(t, "v3.0_bulk", s.root)
	inFile := filepath.Join(t.TempDir(), "password")
	write(t, inFile, secret+"\n")
	tries := 0
	// try runs the program in the ways that log most, with env as TSTAT_RABBIT_PASSWORD and with
	// a configuration that change has changed. It returns all output.
	try := func(status int, env string, change func(keys map[string]string)) string {
		t.Helper()
		tries++
		own := s.clone(t)
		delete(own.Rabbit, "password")
		change(own.Rabbit)
		var all strings.Builder
		for _, loud := range [][]string{{"-D", "--log-format", []string{"text", "json"}[tries%2]}, {"--check", "-D"}} {
			report, metrics := filepath.Join(t.TempDir(), "report"), filepath.Join(t.TempDir(), "metrics")
			args := append([]string{"--report", report, "--metrics", metrics}, loud...)
			cmd := exec.Command(binary(t, "tstat_send"), own.commandLine(args...)...)
			cmd.Env = append(os.Environ(), "TSTAT_RABBIT_PASSWORD="+env)
			r := startCommand(t, cmd).wait()
			if r.Status != status {
				t.Errorf("try %d, %v: status %d, want %d:\n%s%s", tries, loud, r.Status, status, r.Out, r.log())
			}
			all.WriteString(r.Out + r.Log)
			for _, path := range []string{report, metrics} {
				if text, err := os.ReadFile(path); err == nil {
					noSecret(t, string(text))
				} else if !errors.Is(err, os.ErrNotExist) || loud[0] == "-D" {
					t.Error(err)
				}
			}
		}
		return all.String()
	}
	set := func(pairs ...string) func(map[string]string) {
		return func(keys map[string]string) {
			for i := 0; i < len(pairs); i += 2 {
				keys[pairs[i]] = pairs[i+1]
			}
		}
	}
	away := []string{"host", "127.0.0.9", "port", "1"} // no listener
	try(allDone, secret, set())
	try(allDone, secret, set("password", "wrong", "password_file", inFile))
	try(allDone, "", set("password", secret))
	output := try(allDone, "", set("password", "wrong", "password_file", inFile))
	if n := strings.Count(output, "others can read it"); n != 2 {
		t.Errorf("two runs warned %d times that others can read the password's file, want once each", n)
	}
	for _, given := range [][]string{{"password", secret}, {"password_file", inFile}} {
		try(refused, "", set(append(given, "username", "nobody")...))
		try(misconfigured, "", set(append(given, "vhost", "nosuch")...))
		try(misconfigured, "", set(append(given, "port", "no number")...))
		try(tryAgain, "", set(append(given, away...)...))
	}
	try(refused, "not "+secret, set())
	try(misconfigured, "", set("password_file", "/nonexistent/file"))
	try(misconfigured, "", set("password", secret, "host", "amqp://"+s.User+":"+secret+"@localhost"))
}
