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

// started returns the time in a directory's name. ok is false if the name has none.
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

// Start returns the time in a directory's name, in the local time zone, since Tstat wrote
// the name in local time. ok is false if the name has no time.
func Start(name string) (t time.Time, ok bool) {
	t, ok = started(name)
	if !ok {
		return time.Time{}, false
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.Local), true
}

// Sort sorts the entries of all roots together: first the names that are times, oldest
// first, then the other names in alphabetical order. Equal names are sorted by path.
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
	// The entries are permuted in place, one cycle after the other, since there may be
	// very many of them.
	const done = -1 // from of an entry that is in its place
	for start := range list {
		if list[start].from == done {
			continue
		}
		first := entries[start]
		i := start
		for list[i].from != start {
			next := list[i].from
			entries[i], list[i].from = entries[next], done
			i = next
		}
		entries[i], list[i].from = first, done
	}
}

// A directory that is being deleted is named .culled-NAME-TOKEN. NAME is its original
// name, cut if the whole name would exceed 255 bytes. TOKEN is 16 hexadecimal digits.
const (
	culledPrefix = ".culled-"
	tokenLen     = 16
	maxName      = 255
)

// CulledName returns the name under which a directory is deleted. The name does not end
// in .out, so no program takes it for a directory of logs.
func CulledName(name, token string) string {
	room := maxName - len(culledPrefix) - 1 - tokenLen
	return culledPrefix + name[:min(len(name), room)] + "-" + token
}

// IsCulled reports whether name was made by CulledName.
func IsCulled(name string) bool {
	rest, ok := strings.CutPrefix(name, culledPrefix)
	cut := len(rest) - tokenLen - 1
	return ok && cut > 0 && rest[cut] == '-' && strings.Trim(rest[cut+1:], "0123456789abcdef") == ""
}

// OriginalName returns the original name of a culled directory. ok is false if the name
// was cut.
func OriginalName(culled string) (name string, ok bool) {
	name = culled[len(culledPrefix) : len(culled)-tokenLen-1]
	return name, strings.HasSuffix(name, Suffix) && len(culled) < maxName
}
