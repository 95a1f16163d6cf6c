package main

import (
	"flag"
	"testing"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/manual"
)

var writeManual = flag.Bool("write-manual", false, "write the man page and the completions")

// The man page and the completions say what --help says.
func TestManual(t *testing.T) {
	const dir = "../../packaging"
	app := kong.Must(&command{}, kong.Name("tstat_cull"), kong.Description(description), kong.Vars{"version": ""}).Model
	if *writeManual {
		if err := manual.Write(dir, app); err != nil {
			t.Fatal(err)
		}
	}
	stale, err := manual.Stale(dir, app)
	if err != nil {
		t.Fatal(err)
	}
	if len(stale) > 0 {
		t.Errorf("out of date in packaging: %q: run make man", stale)
	}
}
