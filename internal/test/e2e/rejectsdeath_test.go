package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tstat-transport/internal/test/loggen"
)

// TestRejectsBeforeState kills tstat_send after each renaming of a state file, and then kills
// further runs over the same directory after more and more renamings. Every malformed row that
// the state file counts must stand in the rejects file already, since no later run reads the row
// again. The test cannot check fsync: what a killed program has written to a file stays.
func TestRejectsBeforeState(t *testing.T) {
	t.Parallel()
	const malformed = 40
	tcp := slices.Concat(lines(t, loggen.TCP, 1, 100), slices.Repeat([]string{"torn row\n"}, malformed))
	for _, c := range []struct {
		state string
		udp   []string // the other log of the directory
	}{
		{".processed", lines(t, loggen.UDP, 2, 10)},
		{".processing", []string{"no header\n"}}, // an error, so the directory is never marked
	} {
		t.Run(c.state, func(t *testing.T) {
			t.Parallel()
			most := int64(0)
			// dies runs tstat_send up to the nth renaming, checks the state files, and reports
			// whether the run came to the renaming.
			dies := func(f *folder, n int) bool {
				t.Helper()
				rejects := filepath.Join(f.root, "rejects")
				killed := f.killedAt(fmt.Sprintf("renamed:%d", n), "--rejects", rejects)
				for _, state := range []string{".processing", ".processed"} {
					counted := f.malformed(filepath.Join(f.root, "0.out", state))
					var rows []string
					if counted > 0 {
						rows = slices.Sorted(strings.Lines(readAll(t, rejects)))
					}
					written := int64(len(slices.Compact(rows))) // a row that was read twice counts once
					if written < counted {
						t.Fatalf("killed after the %dth renaming: %s counts %d malformed rows, and %d stand in the rejects file", n, state, counted, written)
					}
					if killed && state == c.state {
						most = max(most, counted)
					}
				}
				return killed
			}
			for n, killed := 1, true; killed; n++ {
				f := newFolder(t)
				write(t, filepath.Join(f.root, "0.out", tcpLog), tcp...)
				write(t, filepath.Join(f.root, "0.out", udpLog), c.udp...)
				killed = dies(f, n)
				for further := 1; dies(f, further); further++ {
				}
			}
			if most != malformed {
				t.Errorf("%s counted %d malformed rows at the most, want %d", c.state, most, malformed)
			}
		})
	}
}

// malformed returns the number of malformed rows that a state file counts, 0 if
// the file does not exist.
func (f *folder) malformed(path string) (n int64) {
	f.t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	var state struct {
		Logs map[string]struct{ Malformed int64 }
	}
	if err == nil {
		err = json.Unmarshal(b, &state)
	}
	if err != nil {
		f.t.Fatalf("%s: %v: %s", path, err, b)
	}
	for _, log := range state.Logs {
		n += log.Malformed
	}
	return n
}
