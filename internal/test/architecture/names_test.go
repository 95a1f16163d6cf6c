package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const repository = "../../.."

// TestNamesInPages: the tests, files, make targets and links that the pages name exist. The
// changelog is no such page, because it names files that were removed.
func TestNamesInPages(t *testing.T) {
	known := readTree(t)
	pages, err := filepath.Glob(repository + "/docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"} {
		pages = append(pages, filepath.Join(repository, name))
	}
	seen := map[string]int{} // names checked, by kind
	for _, page := range pages {
		text := read(t, page)
		for _, kind := range kinds {
			for _, m := range kind.pattern.FindAllStringSubmatch(text, -1) {
				seen[kind.name]++
				if !kind.exists(known, m[1:]) {
					t.Errorf("%s: no %s %s", page, kind.name, strings.Join(m[1:], ""))
				}
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			seen["link"]++
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: dead link: %v", page, err)
			} else if m[2] != "" && !slices.Contains(anchors(read(t, target)), m[2]) {
				t.Errorf("%s: %s has no heading #%s", page, target, m[2])
			}
		}
	}
	for _, kind := range []string{"test", "test to run", "file", "file name", "make target", "link"} {
		if seen[kind] < 10 {
			t.Errorf("only %d names of the kind %q were found", seen[kind], kind)
		}
	}
}

// tree holds the names that the repository defines.
type tree struct {
	tests   []string // functions of tests, benchmarks and fuzz targets
	files   []string // names without directories
	targets []string // of the Makefile
}

// kinds are the kinds of names in pages. exists gets the groups of the pattern.
var kinds = []struct {
	name    string
	pattern *regexp.Regexp
	exists  func(*tree, []string) bool
}{
	// TestGzip… names all tests with this prefix.
	{"test", regexp.MustCompile(`\b((?:Test|Benchmark|Fuzz)[A-Z]\w*)(…?)`), func(k *tree, groups []string) bool {
		return slices.ContainsFunc(k.tests, func(f string) bool {
			return f == groups[0] || groups[1] != "" && strings.HasPrefix(f, groups[0])
		})
	}},
	// go test -bench NAME runs each benchmark whose name contains NAME.
	{"test to run", regexp.MustCompile(`-(?:bench|run) '?([A-Z]\w+)`), func(k *tree, groups []string) bool {
		return slices.ContainsFunc(k.tests, func(f string) bool { return strings.Contains(f, groups[0]) })
	}},
	{"file", regexp.MustCompile(`(?m)(?:^|[^\w./~-])(?:\.{1,2}/)*((?:\.ci|bench|cmd|contrib|docs|internal|packaging|scripts|testdata|tools)/[\w./-]*\w)`), func(_ *tree, groups []string) bool {
		_, err := os.Stat(filepath.Join(repository, groups[0]))
		return err == nil
	}},
	{"file name", regexp.MustCompile("`([\\w-]+\\.(?:go|s|sql|txt))`"), func(k *tree, groups []string) bool {
		return slices.Contains(k.files, groups[0])
	}},
	{"make target", regexp.MustCompile("(?m)(?:`|^    )make ([a-z-]+)"), func(k *tree, groups []string) bool {
		return slices.Contains(k.targets, groups[0])
	}},
}

// link matches a link to a file of the repository, and to a heading.
var link = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)

// anchors returns the fragments by which GitHub links to the headings of a page.
func anchors(page string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		words := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}

// readTree reads the names that the repository defines.
func readTree(t *testing.T) *tree {
	t.Helper()
	k := &tree{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "build", "dist"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		k.files = append(k.files, d.Name())
		if strings.HasSuffix(path, "_test.go") {
			k.tests = append(k.tests, captures(function, read(t, path))...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range captures(regexp.MustCompile(`(?m)^([a-z -]+):`), read(t, repository+"/Makefile")) {
		k.targets = append(k.targets, strings.Fields(names)...)
	}
	return k
}

// captures returns the first group of each match.
func captures(pattern *regexp.Regexp, text string) (all []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
