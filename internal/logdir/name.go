package logdir

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Suffix ends the name of every directory that Tstat writes.
const Suffix = ".out"

// The names under which Tstat started a directory: since 2.3, and before.
var layouts = []string{"2006_01_02_15_04" + Suffix, "15_04_02_Jan_2006" + Suffix}

// started returns the time in a directory's name; ok is false where there is none.
func started(name string) (t time.Time, ok bool) {
	for _, layout := range layouts {
		if len(name) == len(layout) {
			if t, err := time.Parse(layout, name); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// Start returns the time in a directory's name, in the local time zone: the sensor's
// clock wrote the name. ok is false where there is none.
func Start(name string) (t time.Time, ok bool) {
	t, ok = started(name)
	if !ok {
		return time.Time{}, false
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.Local), true
}

// Sort orders entries oldest name first, across roots: names that are times by
// time, the others behind them by name, ties by path.
func Sort(entries []Entry) {
	type keyed struct {
		when  int64
		from  int // index in entries
		other bool
	}
	list := make([]keyed, len(entries))
	for i, e := range entries {
		t, ok := started(e.Name)
		list[i] = keyed{t.Unix(), i, !ok}
	}
	slices.SortFunc(list, func(a, b keyed) int {
		if a.other != b.other {
			if b.other {
				return -1
			}
			return 1
		}
		if c := cmp.Compare(a.when, b.when); c != 0 {
			return c
		}
		ea, eb := &entries[a.from], &entries[b.from]
		return cmp.Or(strings.Compare(ea.Name, eb.Name), strings.Compare(ea.Root.Path, eb.Root.Path), strings.Compare(ea.Rel, eb.Rel))
	})
	// Each cycle of the permutation is moved in place: there may be very many entries.
	for start := range list {
		first := entries[start]
		i := start
		for next := list[i].from; next != i && next >= 0; next = list[i].from {
			list[i].from = -1
			if next == start {
				break
			}
			entries[i] = entries[next]
			i = next
		}
		list[i].from = -1
		entries[i] = first
	}
}

// A directory on its way out is .culled-NAME-TOKEN: NAME its name, cut where
// the whole would be over 255 bytes, and TOKEN 16 hexadecimal digits.
const (
	culledPrefix = ".culled-"
	tokenLen     = 16
	maxName      = 255
)

// CulledName is the name under which a directory is deleted. It does not end
// in .out, so nothing takes it for a directory of logs.
func CulledName(name, token string) string {
	room := maxName - len(culledPrefix) - 1 - tokenLen
	return culledPrefix + name[:min(len(name), room)] + "-" + token
}

// IsCulled tells whether CulledName made this name.
func IsCulled(name string) bool {
	rest, ok := strings.CutPrefix(name, culledPrefix)
	cut := len(rest) - tokenLen - 1
	return ok && cut > 0 && rest[cut] == '-' && strings.Trim(rest[cut+1:], "0123456789abcdef") == ""
}

// OriginalName is the name that a culled directory had; ok is false where it
// was cut.
func OriginalName(culled string) (name string, ok bool) {
	name = culled[len(culledPrefix) : len(culled)-tokenLen-1]
	return name, strings.HasSuffix(name, Suffix) && len(culled) < maxName
}
