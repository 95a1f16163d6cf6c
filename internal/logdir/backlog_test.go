package logdir

import (
	"os"
	"testing"
)

// TestBacklog: neither confirmed bytes nor a .gz beside a plain log count.
func TestBacklog(t *testing.T) {
	log, other := rows("a", 2000), rows("u", 30)
	f := func(name string, d *Dir, want int64) {
		t.Helper()
		if got, _ := Backlog(d.Entry); got != want {
			t.Errorf("%s: %d bytes, want %d", name, got, want)
		}
	}
	d, _ := markedDir(t, map[string]string{tcp + ".gz": packed(log)})
	f("confirmed", d, 0)
	put(t, d, udp, other)
	f("a confirmed .gz beside a new log", d, int64(len(other)))
	must(t, os.Remove(d.Path()+"/"+processed))
	f("nothing confirmed", d, int64(len(packed(log)))*gzipRatio+int64(len(other)))
	put(t, d, tcp, log)
	f("plain beside compressed", d, int64(len(log)+len(other)))

	must(t, os.Remove(d.Path()+"/"+tcp))
	must(t, os.Symlink("log_udp_complete", d.Path()+"/"+tcp))
	f("a symbolic link, which is not read", d, int64(len(other)))

	d, _ = markedDir(t, map[string]string{tcp: log})
	put(t, d, tcp, log+"z 1\n")
	f("grown by four bytes", d, 4)

	d = withBoth(t, log, packed(other))
	markConfirmed(t, d)
	must(t, os.Remove(d.Path()+"/"+tcp))
	put(t, d, udp, "12345")
	f("a confirmed .gz that is another log", d, 5)
}
