// Package architecture compares README.md, CONTRIBUTING.md, SECURITY.md and the pages in docs
// with the code.
package architecture

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "tstat-transport/"

// notInTable are the prefixes of packages that the table of packages leaves out: tests,
// measurements, and files that are shipped beside the programs.
var notInTable = []string{"internal/test/", "bench", "contrib/", "packaging"}

// TestPackages: the table lists every package of the product, and exactly the packages of the
// project that each imports.
func TestPackages(t *testing.T) {
	table := map[string][]string{} // imports by package
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(read(t, repository+"/docs/architecture.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		var imports []string
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			imports = append(imports, m[1])
		}
		table[strings.Trim(cells[1], " `")] = imports
	}
	if len(table) < 10 {
		t.Fatalf("only %d packages were read from the table", len(table))
	}
	for pkg, imports := range importsByPackage(t) {
		want, ok := table[pkg]
		if !ok {
			t.Errorf("%s has no line in the table", pkg)
			continue
		}
		if !slices.Equal(imports, want) {
			t.Errorf("%s imports %v, the table says %v", pkg, imports, want)
		}
		delete(table, pkg)
	}
	for pkg := range table {
		t.Errorf("the table lists %s, which is no package of the product", pkg)
	}
}

// TestTestPackages: the table of the packages below internal/test lists each of them once.
func TestTestPackages(t *testing.T) {
	page := read(t, repository+"/docs/architecture.md")
	_, table, found := strings.Cut(page, "below `internal/test`:")
	table, _, end := strings.Cut(table, "\n## ")
	if !found || !end {
		t.Fatal("the page has no table of the packages below internal/test")
	}
	var listed []string
	for line := range strings.Lines(table) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "` | "); ok {
			listed = append(listed, strings.Split(name, "`, `")...)
		}
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range entries {
		want = append(want, e.Name())
	}
	slices.Sort(listed)
	if !slices.Equal(listed, want) {
		t.Errorf("the table lists %v, want %v", listed, want)
	}
}

// importsByPackage returns the packages of the project that each package of the product
// imports, sorted.
func importsByPackage(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(words[0], module)
		if slices.ContainsFunc(notInTable, func(p string) bool { return strings.HasPrefix(pkg, p) }) {
			continue
		}
		var imports []string
		for _, w := range words[1:] {
			if name, ok := strings.CutPrefix(w, module); ok {
				imports = append(imports, name)
			}
		}
		slices.Sort(imports)
		all[pkg] = imports
	}
	return all
}
