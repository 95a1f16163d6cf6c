package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const file = "../../contrib/grafana/tstat_send.json"

// The committed file is the output of this program, and Grafana's library accepts it: it has no
// unknown field and no wrong value.
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
		t.Errorf("%s is out of date: run 'make dashboard'", file)
	}
	plugins.RegisterDefaultPlugins() // the types of panels and queries
	var d dashboard.Dashboard
	// If nothing is wrong, the library returns an error without text.
	if err := d.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		t.Error(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}
