package loggen

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options say what the logs are like. The zero value gives clean, plain logs of
// Tstat 3.2.1, half of the rows UDP, no row above 1000 MB.
type Options struct {
	Seed uint64

	// Version is one of Versions; "" is 3.2.1.
	Version string

	// Level is the bitmask of TCP column sets, as it stands in the header: "00", "11", "15"
	// or "31". "" is the version's default. 2.4 has no levels, and packetstats-213 has only
	// 31.
	Level string

	// Large is the share of rows, 0 to 1, with LargeBytes or more in a direction. All other
	// rows have less in both directions.
	Large float64

	// Dirt is the share of odd rows, 0 to 1: malformed rows, names with spaces, newlines and
	// bytes that are not UTF-8, and rows behind an empty line or a header in mid-file.
	Dirt float64

	// Cut gives each log an incomplete last line.
	Cut bool

	// UDPShare is the share of UDP rows in a Tree, above 0 and up to 1, or AllTCP. The zero
	// value means a half.
	UDPShare float64

	// Gzip compresses the logs as Tstat's -Z does. In a Tree they are log_*_complete.gz.
	Gzip bool

	// Start is the time of a Tree's first directory, and of each log that Generator.TCP and
	// Generator.UDP write, cut off to minutes. The zero time means 2026-01-15 00:00 UTC.
	Start time.Time

	// Threshold is the threshold in megabytes for Books.Flows and Books.Malformed, 0 or more.
	Threshold float64
}

// Values of Options.UDPShare, whose zero value means a half.
const (
	AllTCP = -1
	AllUDP = 1
)

// interval is the time that a log covers, and the time between two directories of a Tree.
const interval = time.Hour

// LargeBytes is the size from which a flow is large: the default threshold of 1000 MB.
const LargeBytes = 1_000_000_000

// Versions returns the Tstat versions whose layouts a Generator knows.
func Versions() []string { return []string{"2.4", "3.0", "3.1", "3.2.1", "packetstats-213"} }

// Size is the length of a log, made by Rows or Bytes.
type Size struct{ rows, bytes int64 }

// Rows asks for n rows, not counting the lines that dirt adds.
func Rows(n int64) Size { return Size{rows: n} }

// Bytes asks for at least n bytes, before compression, and at most a few rows more.
func Bytes(n int64) Size { return Size{bytes: n} }

// Books are counts of what was written.
type Books struct {
	Bytes int64 // before compression

	// Rows counts all lines, malformed ones included, except headers, empty lines and a cut
	// last line.
	Rows       int64
	Malformed  int64 // for a reader with Options.Threshold
	Incomplete int64 // cut last lines
	Large      int64 // well-formed rows with LargeBytes or more in a direction
	Flows      int64 // directions at or above Options.Threshold, of well-formed rows
}

func (b *Books) add(o Books) {
	b.Bytes += o.Bytes
	b.Rows += o.Rows
	b.Malformed += o.Malformed
	b.Incomplete += o.Incomplete
	b.Large += o.Large
	b.Flows += o.Flows
}

// complete sets defaults and checks the options.
func (o *Options) complete() error {
	if o.Version == "" {
		o.Version = "3.2.1"
	}
	if !slices.Contains(Versions(), o.Version) {
		return fmt.Errorf("version %q is not known: use one of %s", o.Version, strings.Join(Versions(), ", "))
	}
	levels := levelsOf(o.Version)
	if o.Level == "" {
		o.Level = levels[0]
	}
	if !slices.Contains(levels, o.Level) {
		return fmt.Errorf("version %s has no level %q: use one of %q", o.Version, o.Level, levels)
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	}
	o.Start = o.Start.UTC().Truncate(time.Minute)
	switch {
	case o.UDPShare == 0:
		o.UDPShare = 0.5
	case o.UDPShare == AllTCP:
		o.UDPShare = 0
	}
	for _, s := range []struct {
		name  string
		share float64
	}{{"large", o.Large}, {"dirt", o.Dirt}, {"udp", o.UDPShare}} {
		if !(s.share >= 0 && s.share <= 1) {
			return fmt.Errorf("share of %s %v: use 0 to 1", s.name, s.share)
		}
	}
	if !(o.Threshold >= 0) {
		return fmt.Errorf("threshold %v: use megabytes, 0 or more", o.Threshold)
	}
	return nil
}
