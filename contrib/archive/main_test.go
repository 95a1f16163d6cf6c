package main

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// A flag or an address that no retry can mend ends the program. The password is not shown.
func TestWrongUsage(t *testing.T) {
	const rabbit, database = "amqp://archive:secret@127.0.0.1:1/", "postgres://archive:secret@127.0.0.1:1/tstat"
	program := build(t, ".", ".")
	for _, c := range []struct{ rabbit, database, batch, text string }{
		{strings.Replace(rabbit, ":1/", ":port/", 1), database, "1", "Usage: tstat_archive"},
		{rabbit, strings.Replace(database, ":1/", ":port/", 1), "1", "DATABASE_URL: "},
		{rabbit, database + "?sslmode=ful", "1", "DATABASE_URL: "},
		{rabbit, "host=127.0.0.1 password = secret sslmode=ful", "1", "DATABASE_URL: "},
		{rabbit, database, "32768", "Usage: tstat_archive"}, // a prefetch of 65536 would be sent as 0: no limit
	} {
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, "-batch", c.batch)
		cmd.Env = append(cmd.Environ(), "RABBIT_URL="+c.rabbit, "DATABASE_URL="+c.database)
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != 64 || !strings.Contains(string(out), c.text) || bytes.Contains(out, []byte("secret")) {
			t.Errorf("%s, %s, -batch %s: status %d, %q", c.rabbit, c.database, c.batch, status, out)
		}
	}
}
