package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"tstat-transport/internal/test/testkit"
)

// postgres is a private PostgreSQL server.
type postgres struct {
	t         testing.TB
	dir, bin  string
	port      int
	password  string
	user      *syscall.Credential // nil: the user of the test
	settings  []string
	cmd       *exec.Cmd
	lifeline  *os.File // the watchdog kills the server when this pipe closes
	serverLog string
}

// startPostgres starts a server with the given settings. It is removed when t ends.
func startPostgres(t testing.TB, settings ...string) *postgres {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL: left out by -short")
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		t.Fatal("this test needs PostgreSQL, and there is none in /usr/lib/postgresql: run scripts/install-postgresql as root (it installs Debian's postgresql), or leave these tests out with -short")
	}
	p := &postgres{t: t, bin: filepath.Dir(slices.Max(found)), password: rand.Text(), settings: settings}
	if p.port, err = testkit.FreePort(); err != nil {
		t.Fatal(err)
	}
	if p.dir, err = os.MkdirTemp("", "archive-postgres-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			log, _ := os.ReadFile(p.serverLog)
			t.Logf("end of the database's log:\n%s", log[max(0, len(log)-4000):])
		}
		if err := os.RemoveAll(p.dir); err != nil {
			t.Error(err)
		}
	})
	p.serverLog = filepath.Join(p.dir, "log")
	secret := filepath.Join(p.dir, "password")
	if err := os.WriteFile(secret, []byte(p.password), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		const nobody = 65534
		p.user = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, path := range []string{p.dir, secret} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	initdb := p.command(filepath.Join(p.bin, "initdb"), "-D", p.data(), "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--no-locale", "-N")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.start()
	// The consumer owns its database, but is no superuser.
	conn, err := pgx.Connect(t.Context(), p.address("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, command := range []string{"CREATE ROLE archive LOGIN PASSWORD '" + p.password + "'", "CREATE DATABASE tstat OWNER archive"} {
		if _, err := conn.Exec(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"LANG=C", "PATH=" + os.Getenv("PATH"), "ARCHIVE_DIR=" + p.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.user, Setpgid: true}
	return cmd
}

// watched is a shell script that runs a server and, in the background, a watchdog. When the pipe
// from the test closes, since the test was killed, the watchdog kills the server and removes its
// directory. The watchdog is in the server's process group, so the
// methods stop and kill of postgres end the watchdog too.
const watched = `(cat >/dev/null; kill -9 $$; sleep 1; rm -rf "$ARCHIVE_DIR") <&3 3<&- >/dev/null 2>&1 & exec "$@" 3<&- </dev/null`

// start starts the server and waits until it can be logged in to.
func (p *postgres) start() {
	p.t.Helper()
	alive, lifeline, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	defer alive.Close()
	log, err := os.OpenFile(p.serverLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	args := []string{"-c", watched, "sh", filepath.Join(p.bin, "postgres"), "-D", p.data(), "-p", strconv.Itoa(p.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + p.dir}
	for _, s := range p.settings {
		args = append(args, "-c", s)
	}
	p.cmd, p.lifeline = p.command("/bin/sh", args...), lifeline
	p.cmd.ExtraFiles = []*os.File{alive}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	var last error
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the last attempt to log in: %v", last)
		}
	}()
	testkit.Await(p.t, "the database to start", func() bool {
		var conn *pgx.Conn
		if conn, last = pgx.Connect(p.t.Context(), p.address("postgres", "postgres")); last == nil {
			_ = conn.Close(p.t.Context())
		}
		return last == nil
	})
}

// stop stops the server without finishing its work. Unlike kill, stop lets the server free its
// shared memory, which outlives its processes.
func (p *postgres) stop() {
	if p.cmd == nil {
		return
	}
	pid := p.cmd.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGQUIT) // fails if the server has ended
	_ = p.cmd.Wait()                       // it was stopped by a signal
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = p.lifeline.Close()
	p.cmd = nil
}

// kill kills all processes of the server at once, as a crash of the machine does. Unlike in a
// crash, the kernel still writes the files' data to the disk.
func (p *postgres) kill() {
	if p.cmd == nil {
		return
	}
	pid := p.cmd.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGSTOP) // so that the server starts no more processes
	backends := children(pid)
	for _, child := range backends {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // fails if the server has ended
	_ = p.cmd.Wait()                        // it was killed
	_ = p.lifeline.Close()
	p.cmd = nil
	testkit.Await(p.t, "the database's processes to end", func() bool {
		return !slices.ContainsFunc(backends, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
}

// children returns the processes whose parent is pid.
func children(pid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil { // it has ended
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ") // what follows the name: state, parent
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err == nil && parent == pid {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, child)
		}
	}
	return pids
}

// url returns the address of the consumer's database.
func (p *postgres) url() string { return p.address("archive", "tstat") }

func (p *postgres) address(user, database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?connect_timeout=60", user, p.password, p.port, database)
}
