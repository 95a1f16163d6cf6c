package status

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"tstat-transport/internal/cli"
)

// WriteTable prints the report for a person: a line for each root that cannot be read or
// is locked by a run, a line for each directory, and the sum.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	found := 0
	for _, root := range r.Roots {
		found += root.Found
		switch path := pathCell(root.Path); {
		case root.Error != "":
			fmt.Fprintf(&b, "root %s cannot be read: %s\n", path, cell(root.Error))
		case root.Process != 0:
			fmt.Fprintf(&b, "root %s: process %d is at work on it\n", path, root.Process)
		}
	}
	if len(r.Directories) > 0 {
		var table strings.Builder
		columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
		fmt.Fprintln(columns, "AGE\tBYTES\tSTATE\tDIRECTORY\tERROR")
		for _, d := range r.Directories {
			age := "?"
			if !d.Since.IsZero() {
				age = formatAge(time.Duration(d.AgeSeconds) * time.Second)
			}
			fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\n", age, formatBytes(d.Bytes), d.State, pathCell(d.Path), cell(d.Error))
		}
		_ = columns.Flush() // to memory
		for line := range strings.Lines(table.String()) {
			b.WriteString(strings.TrimRight(line, " \n") + "\n") // the last column may be empty
		}
	}
	fmt.Fprintf(&b, "%d of %d directories pending, %s not confirmed\n", len(r.Directories), found, formatBytes(r.Bytes))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	return nil
}

// pathCell returns a path for one cell of the table, quoted if it has more than one
// line.
func pathCell(path string) string {
	if strings.Contains(path, "\n") {
		return strconv.Quote(path)
	}
	return cli.Printable(path)
}

// cell returns text for one cell of the table.
func cell(text string) string {
	return cli.Printable(strings.ReplaceAll(text, "\n", "; "))
}

// formatAge returns an age in minutes, in hours and minutes, or in days and hours.
func formatAge(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}

// formatBytes returns bytes with a unit, which is a power of 1000.
func formatBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1000, 0
	for value >= 999.95 && unit < 4 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTP"[unit])
}
