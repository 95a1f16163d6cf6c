package cli

import (
	"fmt"
	"path/filepath"
	"strings"
)

// CheckDisjoint returns an error if a root is given twice or lies in another one.
// The directories of such a root would be found twice, and the two searches would
// lock each other out.
func CheckDisjoint(roots []string) error {
	slash := string(filepath.Separator)
	places := make([]string, len(roots))
	for i, root := range roots {
		place, err := filepath.Abs(root)
		if target, e := filepath.EvalSymlinks(place); err == nil && e == nil {
			place = target
		}
		places[i] = strings.TrimSuffix(place, slash) + slash
		for j, other := range roots[:i] {
			switch {
			case places[i] == places[j]:
				return fmt.Errorf("root %s: given twice, as %s before", root, other)
			case strings.HasPrefix(places[i], places[j]):
				return fmt.Errorf("root %s: lies in %s, which is given too: leave one of them out", root, other)
			case strings.HasPrefix(places[j], places[i]):
				return fmt.Errorf("root %s: lies in %s, which is given too: leave one of them out", other, root)
			}
		}
	}
	return nil
}

// ParseRoot reads a root as it is given, [INSTANCE=]DIR. An = behind a slash
// belongs to DIR. The instance is empty if none is given.
func ParseRoot(text string) (instance, path string, err error) {
	instance, path, found := strings.Cut(text, "=")
	if !found || strings.Contains(instance, "/") {
		instance, path = "", text
	} else if instance == "" {
		return "", "", fmt.Errorf("%q: no instance id stands before the =", text)
	}
	if path == "" {
		return "", "", fmt.Errorf("%q names no directory: is a variable in the command not set?", text)
	}
	return instance, filepath.Clean(path), nil
}
