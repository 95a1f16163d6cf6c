package report

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"
)

// schema is a JSON schema. It supports the keywords that docs/report.schema.json and
// docs/cull-report.schema.json use.
type schema struct {
	root map[string]any
}

func readSchema(t *testing.T) schema {
	t.Helper()
	return readSchemaFile(t, "report.schema.json")
}

func readSchemaFile(t *testing.T, name string) schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(text, &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

// validate returns the violations in v. A keyword that schema does not support is a
// violation.
func (s schema) validate(v any) []string { return s.at("$", s.root, v) }

func (s schema) at(path string, rule map[string]any, v any) (wrong []string) {
	bad := func(format string, args ...any) {
		wrong = append(wrong, path+": "+fmt.Sprintf(format, args...))
	}
	for keyword, arg := range rule {
		switch keyword {
		case "$schema", "title", "description", "$defs", "required", "additionalProperties":
		case "$ref":
			name, _ := strings.CutPrefix(arg.(string), "#/$defs/")
			wrong = append(wrong, s.at(path, s.root["$defs"].(map[string]any)[name].(map[string]any), v)...)
		case "type":
			types, ok := arg.([]any)
			if !ok {
				types = []any{arg}
			}
			if !slices.ContainsFunc(types, func(t any) bool { return isType(t.(string), v) }) {
				bad("%v is no %v", v, arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), v) {
				bad("%v is none of %v", v, arg)
			}
		case "const":
			if v != arg {
				bad("%v is not %v", v, arg)
			}
		case "minimum":
			if n, ok := v.(float64); ok && n < arg.(float64) {
				bad("%v is below %v", n, arg)
			}
		case "maxItems":
			if list, ok := v.([]any); ok && len(list) > int(arg.(float64)) {
				bad("has %d items, more than %v", len(list), arg)
			}
		case "format":
			if _, err := time.Parse(time.RFC3339, v.(string)); arg != "date-time" || err != nil {
				bad("%v is no %v: %v", v, arg, err)
			}
		case "items":
			list, _ := v.([]any)
			for i, e := range list {
				wrong = append(wrong, s.at(fmt.Sprintf("%s[%d]", path, i), arg.(map[string]any), e)...)
			}
		case "anyOf":
			if !slices.ContainsFunc(arg.([]any), func(r any) bool { return s.at(path, r.(map[string]any), v) == nil }) {
				bad("matches none of anyOf: %v", s.at(path, arg.([]any)[len(arg.([]any))-1].(map[string]any), v))
			}
		case "properties":
			wrong = append(wrong, s.object(path, rule, v)...)
		default:
			bad("the schema uses %q, which this test does not know", keyword)
		}
	}
	return wrong
}

func (s schema) object(path string, rule map[string]any, v any) (wrong []string) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil // the keyword "type" reports that
	}
	properties := rule["properties"].(map[string]any)
	for _, name := range rule["required"].([]any) {
		if _, ok := object[name.(string)]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: lacks %v", path, name))
		}
	}
	for name, e := range object {
		r, ok := properties[name].(map[string]any)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s: has %s, which is not in the schema", path, name))
			continue
		}
		wrong = append(wrong, s.at(path+"."+name, r, e)...)
	}
	return wrong
}

func isType(name string, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	}
	return name == "object" && reflect.TypeOf(v).Kind() == reflect.Map
}

// TestValidate: validate finds each kind of violation.
func TestValidate(t *testing.T) {
	s := readSchema(t)
	valid := func() map[string]any { return reportOf(t, sampleRun()) }
	if wrong := s.validate(valid()); wrong != nil {
		t.Fatal(wrong)
	}
	for want, spoil := range map[string]func(map[string]any){
		"lacks sensor":                 func(a map[string]any) { delete(a, "sensor") },
		"$: has more":                  func(a map[string]any) { a["more"] = 1.0 },
		"$.seconds: x is no number":    func(a map[string]any) { a["seconds"] = "x" },
		"$.status: 7 is none of":       func(a map[string]any) { a["status"] = 7.0 },
		"$.tool: cull is not":          func(a map[string]any) { a["tool"] = "cull" },
		"$.counts.rows: -1 is below":   func(a map[string]any) { a["counts"].(map[string]any)["rows"] = -1.0 },
		"$.started: noon is no":        func(a map[string]any) { a["started"] = "noon" },
		"$.unsent: matches none":       func(a map[string]any) { delete(a["unsent"].(map[string]any), "oldest") },
		"$.errors.first: has 101":      func(a map[string]any) { a["errors"].(map[string]any)["first"] = make([]any, 101) },
		"$.roots[0].path: <nil> is no": func(a map[string]any) { a["roots"].([]any)[0].(map[string]any)["path"] = nil },
	} {
		a := valid()
		spoil(a)
		if wrong := strings.Join(s.validate(a), "\n"); !strings.Contains(wrong, want) {
			t.Errorf("%q is not found: %s", want, wrong)
		}
	}
}
