// Package architecture compares docs/architecture.md with the code.
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

// notInTable are the prefixes of packages that the table of rooms leaves out: tests,
// measurements, and files that are shipped beside the programs.
var notInTable = []string{"internal/test/", "bench", "contrib/", "packaging"}

// TestRooms: the table of rooms lists every package of the product, and exactly the packages
// of the project that each imports.
func TestRooms(t *testing.T) {
	page, err := os.ReadFile("../../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{} // imports by room
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(page)) {
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
		t.Fatalf("only %d rooms were read from the table", len(table))
	}
	for room, imports := range importsByRoom(t) {
		want, ok := table[room]
		if !ok {
			t.Errorf("%s has no line in the table", room)
			continue
		}
		if !slices.Equal(imports, want) {
			t.Errorf("%s imports %v, the table says %v", room, imports, want)
		}
		delete(table, room)
	}
	for room := range table {
		t.Errorf("the table lists %s, which is no package of the product", room)
	}
}

// importsByRoom returns the sorted imports of each package of the product, those of the
// project only.
func importsByRoom(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	rooms := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		room := strings.TrimPrefix(words[0], module)
		if slices.ContainsFunc(notInTable, func(p string) bool { return strings.HasPrefix(room, p) }) {
			continue
		}
		var imports []string
		for _, w := range words[1:] {
			if name, ok := strings.CutPrefix(w, module); ok {
				imports = append(imports, name)
			}
		}
		slices.Sort(imports)
		rooms[room] = imports
	}
	return rooms
}
