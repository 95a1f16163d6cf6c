package cli

import (
	"fmt"
	"path/filepath"
	"strings"
)

// CheckDisjoint fails where a root is another one, or lies in it: their directories
// would be found twice, and be locked for each other.
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
				return fmt.Errorf("-d %s: given twice, as %s before", root, other)
			case strings.HasPrefix(places[i], places[j]):
				return fmt.Errorf("-d %s: lies in %s, which is given too: leave one of them out", root, other)
			case strings.HasPrefix(places[j], places[i]):
				return fmt.Errorf("-d %s: lies in %s, which is given too: leave one of them out", other, root)
			}
		}
	}
	return nil
}
