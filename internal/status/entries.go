package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"tstat-transport/internal/logdir"
)

// WriteEntries prints a line for each directory, pending or not, with the size of its
// logs, and the sum. It omits directories that have vanished. It takes no lock.
func WriteEntries(w io.Writer, entries []logdir.Entry) error {
	locks := logdir.ReadLocks()
	var table strings.Builder
	columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	if len(entries) > 0 {
		fmt.Fprintln(columns, "START\tBYTES\tSTATE\tDIRECTORY")
	}
	count, sum := 0, int64(0)
	for _, e := range entries {
		state := Sent
		found, done := logdir.Inspect(e)
		if !done {
			state = describe(e.Path(), found, locks).State
		}
		start := "?"
		bytes, since := logdir.Size(e)
		if done && since.IsZero() { // the directory has vanished
			continue
		}
		if !since.IsZero() {
			start = since.Format("2006-01-02T15:04")
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\n", start, formatBytes(bytes), state, pathCell(e.Path()))
		count++
		sum += bytes
	}
	_ = columns.Flush() // to memory
	fmt.Fprintf(&table, "%d directories, %s\n", count, formatBytes(sum))
	if _, err := io.WriteString(w, table.String()); err != nil {
		return fmt.Errorf("print directories: %w", err)
	}
	return nil
}
