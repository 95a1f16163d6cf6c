package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const file = "../../contrib/grafana/tstat_send.json"

// The file is what this program prints, and a dashboard as Grafana's library
// reads one: no field is unknown, no value wrong.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s is not what this program prints: run 'make dashboard'", file)
	}
	plugins.RegisterDefaultPlugins() // the types of panels and queries
	var d dashboard.Dashboard
	// The library returns an error without text where nothing is wrong.
	if err := d.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		t.Error(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}
