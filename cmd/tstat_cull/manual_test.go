package main

import (
	"testing"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/test/docgen"
)

// The man page and the completions in packaging agree with the flags.
func TestManual(t *testing.T) {
	docgen.Check(t, "../../packaging", kong.Must(&command{}, kong.Name("tstat_cull"), kong.Description(description), kong.Vars{"version": ""}).Model)
}
