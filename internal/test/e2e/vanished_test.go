package e2e

import (
	"path/filepath"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// TestQueueVanishes: the queue is deleted in mid-run, after a directory was marked, with
// the confirmed messages in it. The run takes its marks back, and the next run sends
// everything again, with the same ids. A broker that is killed can lose a queue in the
// same way.
func TestQueueVanishes(t *testing.T) {
	t.Parallel()
	for name, closing := range map[string]bool{"unnoticed by the connections": false, "with the connections": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.fill()
			proxy := s.Through()
			proxy.Bandwidth(slow)
			p := s.start(narrow...)
			testkit.Await(t, "a directory to be marked", func() bool { return s.marked(s.directories()[0]) })
			confirmed := s.Queued()
			s.Node.DeleteQueue(t, s.VHost, queue)
			if closing {
				proxy.ResetConnections()
			}
			proxy.Bandwidth(0)
			r := p.wait().want(misconfigured, "was deleted", "marks_taken_back", "same message ids")
			if r.count("marked") != 0 || r.count("unsent") != len(s.directories()) || confirmed == 0 {
				t.Errorf("%d messages confirmed; the summary says %s", confirmed, r.Summary)
			}
			s.wantNoneMarked()
			for _, dir := range s.directories() {
				if exists(filepath.Join(s.root, dir, ".processing")) {
					t.Errorf("%s has a .processing, which says that messages need not be sent again", dir)
				}
			}
			s.wantRecovery()
		})
	}
}
