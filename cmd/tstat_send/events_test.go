package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// loggedEvents returns the events that the programs log, each with a place in the code.
func loggedEvents(t *testing.T) map[string]string {
	t.Helper()
	events := make(map[string]string)
	// ioError, readError and stateError are functions of package workers that log.
	methods := regexp.MustCompile(`^(Error|Warn|Info|Debug)(Context)?$|^(io|read|state)Error$`)
	ignored := regexp.MustCompile(`/(bench|build|contrib|testdata|tools|internal/test)$`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && ignored.MatchString(path):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !methods.MatchString(method.Sel.Name) || len(call.Args) < 1 {
				return true
			}
			args := call.Args
			if strings.HasSuffix(method.Sel.Name, "Context") {
				args = args[1:]
			}
			if text, ok := args[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
				event, _ := strconv.Unquote(text.Value)
				events[event] = files.Position(call.Pos()).String()
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// listedEvents returns the tokens in the first column of the tables of events.
func listedEvents(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	events, inTable := make(map[string]bool), false
	token := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "#"):
			inTable = strings.HasPrefix(line, "### Events of ")
		case inTable && strings.HasPrefix(line, "|"):
			for _, match := range token.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
				events[match[1]] = true
			}
		}
	}
	return events
}

// Alerts match events. So each event is a token, and docs/monitoring.md lists exactly the
// events that the programs log.
func TestEventsAreListed(t *testing.T) {
	logged, listed := loggedEvents(t), listedEvents(t)
	if len(logged) < 30 {
		t.Fatalf("only %d events found", len(logged))
	}
	snake := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for event, place := range logged {
		if !snake.MatchString(event) {
			t.Errorf("%s: %q is not a token", place, event)
		}
		if !listed[event] {
			t.Errorf("%s: docs/monitoring.md does not list %s", place, event)
		}
	}
	for event := range listed {
		if _, ok := logged[event]; !ok {
			t.Errorf("docs/monitoring.md lists %s, which nothing logs", event)
		}
	}
}
