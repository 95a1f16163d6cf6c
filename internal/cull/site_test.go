package cull

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tstat-transport/internal/logdir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tcp  = "log_tcp_complete"
	udp  = "log_udp_complete"
	row  = "#15#c_ip:1 c_port:2\n10.0.0.1 80\n"
	hour = time.Hour
)

// site is a root below which a test makes directories.
type site struct {
	*testing.T
	path string
	log  bytes.Buffer
	now  time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{T: t, path: t.TempDir(), now: time.Now()}
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) root() *logdir.Root {
	s.Helper()
	r, err := logdir.OpenRoot(s.path)
	s.must(err)
	r.OneMount = true
	s.Cleanup(func() { _ = r.Close() })
	return r
}

func (s *site) entry(rel string) logdir.Entry {
	return logdir.Entry{Root: s.root(), Rel: rel, Name: filepath.Base(rel)}
}

func (s *site) write(name, content string) {
	s.Helper()
	full := filepath.Join(s.path, name)
	s.must(os.MkdirAll(filepath.Dir(full), 0o755))
	s.must(os.WriteFile(full, []byte(content), 0o644))
}

func (s *site) appendTo(name, content string) {
	s.Helper()
	f, err := os.OpenFile(filepath.Join(s.path, name), os.O_APPEND|os.O_WRONLY, 0)
	s.must(err)
	_, err = f.WriteString(content)
	s.must(err)
	s.must(f.Close())
}

// sent makes a directory of two logs that was marked at s.now minus ago.
func (s *site) sent(rel string, ago time.Duration) {
	s.Helper()
	s.write(rel+"/"+tcp, row)
	s.write(rel+"/"+udp, row)
	s.mark(rel, ago)
}

// mark marks everything in a directory as confirmed, at s.now minus ago.
func (s *site) mark(rel string, ago time.Duration) {
	s.Helper()
	d, err := logdir.Open(s.entry(rel))
	s.must(err)
	defer d.Close()
	state := logdir.State{Version: "test", Logs: map[string]logdir.LogState{}}
	logs, err := d.Logs(context.Background())
	s.must(err)
	for _, l := range logs {
		f, st, err := d.OpenLog(l)
		s.must(err)
		ls := logdir.LogState{Position: st.Size, End: st.Size}
		ls.SetFile(l, st)
		var p logdir.Fingerprinter
		_, err = io.Copy(&p, f)
		s.must(err)
		ls.Fingerprint = p.At(st.Size)
		s.must(f.Close())
		state.Logs[l.Name] = ls
	}
	s.must(d.WriteProcessed(state))
	s.age(rel, ago)
}

// age sets the time of a directory's mark to s.now minus ago.
func (s *site) age(rel string, ago time.Duration) {
	s.Helper()
	s.must(os.Chtimes(filepath.Join(s.path, rel, ".processed"), time.Time{}, s.now.Add(-ago)))
}

func (s *site) options(o Options) Options {
	o.Log = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if o.Workers == 0 {
		o.Workers = 3
	}
	return o
}

func (s *site) cull(ctx context.Context, o Options) Result {
	s.Helper()
	return Run(ctx, []string{s.path}, s.now, s.options(o))
}

// total is cull for tests that look at the sum of all roots.
func (s *site) total(ctx context.Context, o Options) Counts {
	s.Helper()
	return s.cull(ctx, o).Total()
}

// left returns the names in the root.
func (s *site) left() []string {
	s.Helper()
	entries, err := os.ReadDir(s.path)
	s.must(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wantLeft fails the test unless the root holds exactly these names.
func (s *site) wantLeft(names ...string) {
	s.Helper()
	slices.Sort(names)
	if got := s.left(); !slices.Equal(got, names) {
		s.Errorf("left: %q, want %q\n%s", got, names, &s.log)
	}
}

// wantLogged fails the test unless a line of the log contains all parts.
func (s *site) wantLogged(parts ...string) {
	s.Helper()
	for line := range strings.Lines(s.log.String()) {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			return
		}
	}
	s.Errorf("no line says %q:\n%s", parts, &s.log)
}
