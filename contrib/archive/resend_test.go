package main

import (
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"

	"tstat-transport/internal/test/testkit"
)

// TestResend: the archive loses all it has, and the sensor sends two of three hours again,
// then all three. The table holds each flow once, although the logs grew between the runs
// that sent them first, so that the messages of the resend are cut elsewhere.
func TestResend(t *testing.T) {
	t.Setenv("TZ", "UTC") // of the directories' names
	p := newPipeline(t, "classic")
	for range 3 {
		p.addLogs()
		for range 2 {
			for _, l := range p.logs[len(p.logs)-2:] {
				l.grow(t, 130) // 260 flows, in three messages
			}
			p.sendAll()
		}
	}
	p.drain()
	wantFlows(t, p.db.url(), p.flows(multiset{}))

	p.resend("2026-01-15T00:00", "2026-01-15T03:00")
	p.drain()
	wantFlows(t, p.db.url(), p.flows(multiset{}))
	if all := p.flows(multiset{}).size(); p.repeated != all {
		t.Errorf("%d flows were dropped as repeats, want %d", p.repeated, all)
	}

	p.loseFlows()
	p.resend("2026-01-15T01:00", "2026-01-15T03:00")
	p.drain()
	logs := p.logs
	p.logs = logs[2:] // the archive has only the last two of three hours again
	wantFlows(t, p.db.url(), p.flows(multiset{}))

	p.logs = logs
	p.resend("2026-01-15T00:00", "2026-01-15T03:00")
	p.drain()
	wantFlows(t, p.db.url(), p.flows(multiset{}))
}

// resend sends the directories of a span again.
func (p *pipeline) resend(since, until string) {
	p.t.Helper()
	e := testkit.Start(p.t, exec.Command(p.sender, "-d", p.root, "-c", p.config, "-S", sensor, "-T", "0",
		"--resend", "--since", since, "--until", until)).Wait()
	if e.Status != 0 {
		p.t.Fatalf("tstat_send --resend ended with %d:\n%s", e.Status, e.Log)
	}
}

// loseFlows empties the archive.
func (p *pipeline) loseFlows() {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.db.url())
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(p.t.Context())
	if _, err := conn.Exec(p.t.Context(), "TRUNCATE flows, messages"); err != nil {
		p.t.Fatal(err)
	}
}
