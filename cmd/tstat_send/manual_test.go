package main

import (
	"testing"

	"github.com/alecthomas/kong"

	"tstat-transport/internal/manual"
)

func TestManual(t *testing.T) {
	manual.Check(t, "../../packaging", kong.Must(&command{}, kong.Name("tstat_send"), kong.Description(description), kong.Vars{"version": ""}).Model)
}
