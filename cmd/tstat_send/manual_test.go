package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/test/docgen"
)

func TestManual(t *testing.T) {
	docgen.Check(t, "../../packaging", kong.Must(&command{}, kong.Name("tstat_send"), kong.Description(description),
		kong.Vars{"version": "", "transports": strings.Join(transports, ",")}).Model)
}
