package cli

import (
	"fmt"
	"path/filepath"
	"strings"
)

// CheckDisjoint returns an error if a root is given twice or lies in another root. The
// directories of such a root would be found twice, and the second lock would fail.
func CheckDisjoint(roots []string) error {
	paths := make([]string, len(roots)) // with a slash at the end, so that a prefix is a parent
	for i, root := range roots {
		paths[i] = strings.TrimSuffix(realPath(root), "/") + "/"
		for j, other := range roots[:i] {
			switch {
			case paths[i] == paths[j]:
				return fmt.Errorf("roots %s and %s are the same directory: leave one of them out", other, root)
			case strings.HasPrefix(paths[i], paths[j]):
				return fmt.Errorf("root %s lies in the root %s: leave one of them out", root, other)
			case strings.HasPrefix(paths[j], paths[i]):
				return fmt.Errorf("root %s lies in the root %s: leave one of them out", other, root)
			}
		}
	}
	return nil
}

// realPath returns the absolute path of a root, with symbolic links replaced if the root
// exists.
func realPath(root string) string {
	path, err := filepath.Abs(root)
	if err != nil {
		return root
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// A Root is a directory below which Tstat writes its directories of logs.
type Root struct {
	Instance string // the instance id of that Tstat; empty if none is given
	Path     string
}

// String returns [INSTANCE=]DIR.
func (r Root) String() string {
	if r.Instance == "" {
		return r.Path
	}
	return r.Instance + "=" + r.Path
}

// UnmarshalText parses [INSTANCE=]DIR. An = after a slash belongs to DIR.
func (r *Root) UnmarshalText(text []byte) error {
	instance, path, found := strings.Cut(string(text), "=")
	if !found || strings.Contains(instance, "/") {
		instance, path = "", string(text)
	} else if instance == "" {
		return fmt.Errorf("%q has no instance id before the =", text)
	}
	if path == "" {
		return fmt.Errorf("%q names no directory: is a variable in the command not set?", text)
	}
	*r = Root{Instance: instance, Path: filepath.Clean(path)}
	return nil
}

// Paths returns the paths of roots.
func Paths(roots []Root) []string {
	paths := make([]string, len(roots))
	for i, r := range roots {
		paths[i] = r.Path
	}
	return paths
}

// ParseRoots parses a list of roots separated by commas. If the list is invalid, want
// describes a valid list.
func ParseRoots(list string) (roots []Root, want string) {
	for item := range strings.SplitSeq(list, ",") {
		var r Root
		if r.UnmarshalText([]byte(strings.TrimSpace(item))) != nil {
			return nil, "[INSTANCE=]DIR, or several separated by commas"
		}
		roots = append(roots, r)
	}
	if CheckDisjoint(Paths(roots)) != nil {
		return nil, "roots that do not lie in each other"
	}
	return roots, ""
}
