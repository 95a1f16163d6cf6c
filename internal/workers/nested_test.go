package workers_test

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/workers"
)

// A log in a directory inside a .out directory is never sent, and keeps the culler from
// deleting the directory. So the sender names it.
func TestNestedLogIsNamed(t *testing.T) {
	root, to := t.TempDir(), newArchive()
	writeLog(t, root, dirName, "log_tcp_complete", longLog(t, 12))
	nested := filepath.Join(dirName, "2016_02_17_12_54.out")
	writeLog(t, root, nested, "log_tcp_complete", longLog(t, 13))
	writeLog(t, root, filepath.Join(dirName, "notes"), "log_http_complete", nil)
	var log bytes.Buffer
	run(t.Context(), t, root, to, func(o *workers.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	if n := strings.Count(log.String(), "msg=directory_not_entered"); n != 1 || !strings.Contains(log.String(), filepath.Join(root, nested)+": a log where none") {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}
