// Package architecture holds docs/architecture.md against the code.
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

// benchRooms are not in the table: tests, measurements and what is shipped
// beside the programs.
var benchRooms = []string{"internal/test/", "bench", "contrib/", "packaging"}

// TestRooms: the table of rooms names every package of the product, with
// exactly the packages of the project that it imports.
func TestRooms(t *testing.T) {
	page, err := os.ReadFile("../../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string][]string{}
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
		told[strings.Trim(cells[1], " `")] = imports
	}
	if len(told) < 10 {
		t.Fatalf("only %d rooms were read from the table", len(told))
	}
	for room, imports := range listed(t) {
		want, ok := told[room]
		if !ok {
			t.Errorf("%s has no line in the table", room)
			continue
		}
		if !slices.Equal(imports, want) {
			t.Errorf("%s imports %v, the table says %v", room, imports, want)
		}
		delete(told, room)
	}
	for room := range told {
		t.Errorf("the table names %s, which is no package of the product", room)
	}
}

// listed returns what each package of the product imports of the project, in
// the order of the names.
func listed(t *testing.T) map[string][]string {
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
		if slices.ContainsFunc(benchRooms, func(p string) bool { return strings.HasPrefix(room, p) }) {
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
