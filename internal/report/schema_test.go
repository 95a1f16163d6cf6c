package report

import (
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/test/schema"
)

// violations returns an error that names each place where a report does not fit a schema in
// docs/, and nil if there is none.
func violations(t *testing.T, name string, report map[string]any) error {
	t.Helper()
	s, err := schema.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(text)
}

// TestSchemaRefuses: the schema of a report refuses a violation of each kind.
func TestSchemaRefuses(t *testing.T) {
	for want, spoil := range map[string]func(map[string]any){
		"at '': missing property 'sensor'":                func(a map[string]any) { delete(a, "sensor") },
		"at '': additional properties 'more' not allowed": func(a map[string]any) { a["more"] = 1.0 },
		"at '/seconds': got string, want number":          func(a map[string]any) { a["seconds"] = "x" },
		"at '/status': value must be one of":              func(a map[string]any) { a["status"] = 7.0 },
		"at '/tool': value must be 'tstat_send'":          func(a map[string]any) { a["tool"] = "cull" },
		"at '/counts/rows': minimum: got -1, want 0":      func(a map[string]any) { a["counts"].(map[string]any)["rows"] = -1.0 },
		"at '/started': 'noon' is not valid date-time":    func(a map[string]any) { a["started"] = "noon" },
		"at '/unsent': missing property 'oldest'":         func(a map[string]any) { delete(a["unsent"].(map[string]any), "oldest") },
		"at '/errors/first': maxItems: got 101, want 100": func(a map[string]any) { a["errors"].(map[string]any)["first"] = make([]any, 101) },
		"at '/roots/0/path': got null, want string":       func(a map[string]any) { a["roots"].([]any)[0].(map[string]any)["path"] = nil },
	} {
		a := reportOf(t, sampleRun())
		spoil(a)
		if err := violations(t, "report.schema.json", a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}
