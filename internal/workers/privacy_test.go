package workers_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"tstat-transport/internal/privacy"
	"tstat-transport/internal/workers"
)

// rejected keeps the texts of malformed rows.
type rejected struct{ texts []string }

func (r *rejected) Reject(_ string, _ int64, reason string, text []byte) error {
	r.texts = append(r.texts, reason+": "+string(text))
	return nil
}

func (*rejected) Sync() error { return nil }

// With a policy, the log and --rejects show only the reason of a malformed row.
func TestPrivacyOfMalformedRows(t *testing.T) {
	lines := realLog(t, "level15", "log_udp_complete")
	bad := strings.Replace(lines[1], " ", " x", 1)
	address, _, _ := strings.Cut(lines[1], " ")
	for _, policy := range []*privacy.Policy{nil, {Mode: privacy.Truncate, IPv4: 24, IPv6: 48}} {
		root := t.TempDir()
		writeLog(t, root, dirName, "log_udp_complete", []byte(lines[0]+bad))
		var log bytes.Buffer
		rejects := new(rejected)
		_, n := run(t.Context(), t, root, newArchive(), func(o *workers.Options) {
			o.Settings.Privacy, o.Rejects, o.Log = policy, rejects, slog.New(slog.NewTextHandler(&log, nil))
		})
		if n.Malformed.Load() != 1 || len(rejects.texts) != 1 || !strings.Contains(log.String(), "row_malformed") {
			t.Fatalf("%d malformed, %q\n%s", n.Malformed.Load(), rejects.texts, &log)
		}
		if shown := strings.Contains(log.String()+rejects.texts[0], address); shown == policy.On() {
			t.Errorf("policy %q: the address is shown: %v\n%q\n%s", policy, shown, rejects.texts, &log)
		}
	}
}

// A run that replaces addresses in another way than the state files record logs that once.
func TestPrivacyChanged(t *testing.T) {
	root, to := t.TempDir(), newArchive()
	lines := realLog(t, "level15", "log_udp_complete")
	dirs := []string{"2026_11_23_10_00.out", "2026_11_23_11_00.out"}
	truncate := &privacy.Policy{Mode: privacy.Truncate, IPv4: 24, IPv6: 48}
	for i, c := range []struct {
		policy *privacy.Policy
		want   int
	}{{nil, 0}, {truncate, 1}, {truncate, 0}, {nil, 1}} {
		for _, dir := range dirs {
			writeLog(t, root, dir, "log_udp_complete", []byte(strings.Join(lines[:3+i], "")))
		}
		var log bytes.Buffer
		run(t.Context(), t, root, to, func(o *workers.Options) {
			o.Settings.Privacy, o.Log = c.policy, slog.New(slog.NewTextHandler(&log, nil))
		})
		if got := strings.Count(log.String(), "privacy_changed"); got != c.want {
			t.Errorf("run %d: told %d times, want %d\n%s", i, got, c.want, &log)
		}
		if got := mark(t, root, dirs[0]).Privacy; got != c.policy.String() {
			t.Errorf("run %d: the mark says %q, want %q", i, got, c.policy)
		}
	}
}
