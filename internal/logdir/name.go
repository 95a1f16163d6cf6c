package logdir

import (
	"cmp"
	"sort"
	"strings"
	"time"
)

// Suffix ends the name of every directory that Tstat writes.
const Suffix = ".out"

// layouts are the forms of directory names: since Tstat 2.3, and before it.
var layouts = []string{"2006_01_02_15_04" + Suffix, "15_04_02_Jan_2006" + Suffix}

// parseName returns the time in a directory's name. ok is false if the name has none.
func parseName(name string, zone *time.Location) (t time.Time, ok bool) {
	for _, layout := range layouts {
		if len(name) == len(layout) {
			if t, err := time.ParseInLocation(layout, name, zone); err == nil {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// Start returns the time in a directory's name, in the local time zone, since Tstat wrote
// the name in local time. ok is false if the name has no time.
func Start(name string) (t time.Time, ok bool) { return parseName(name, time.Local) }

// Sort sorts the entries of all roots together: first the names that are times, oldest
// first, then the other names in alphabetical order. Equal names are sorted by path.
func Sort(entries []Entry) {
	s := byStart{entries, make([]startKey, len(entries))}
	for i, e := range entries {
		t, ok := parseName(e.Name, time.UTC) // so that daylight saving time does not reorder names
		s.keys[i] = startKey{t.Unix(), !ok}
	}
	sort.Sort(s)
}

// byStart sorts entries, with a key for each, so that each name is parsed only once.
type byStart struct {
	entries []Entry
	keys    []startKey
}

type startKey struct {
	seconds int64
	noTime  bool // the name has no time
}

func (s byStart) Len() int { return len(s.entries) }

func (s byStart) Swap(i, j int) {
	s.entries[i], s.entries[j] = s.entries[j], s.entries[i]
	s.keys[i], s.keys[j] = s.keys[j], s.keys[i]
}

func (s byStart) Less(i, j int) bool {
	if a, b := s.keys[i], s.keys[j]; a.noTime != b.noTime {
		return b.noTime
	} else if a.seconds != b.seconds {
		return a.seconds < b.seconds
	}
	a, b := &s.entries[i], &s.entries[j]
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Root.Path, b.Root.Path), strings.Compare(a.Rel, b.Rel)) < 0
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

// OriginalName returns the name from which CulledName made culled. ok is false if
// CulledName did not make culled, or if the name may have been cut or did not end in .out.
func OriginalName(culled string) (name string, ok bool) {
	if !IsCulled(culled) {
		return "", false
	}
	name = culled[len(culledPrefix) : len(culled)-tokenLen-1]
	return name, strings.HasSuffix(name, Suffix) && len(culled) < maxName
}
