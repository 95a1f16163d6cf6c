// Package schema validates JSON with the schemas in docs/.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a compiled schema.
type Schema struct{ compiled *jsonschema.Schema }

// Load compiles docs/NAME, for example message.schema.json.
func Load(name string) (*Schema, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return nil, errors.New("schema: the tests were built without file names")
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat() // by default, the format date-time is not checked
	compiled, err := compiler.Compile(filepath.Join(filepath.Dir(here), "../../../docs", name))
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return &Schema{compiled}, nil
}

// Validate returns nil if text is one JSON value that fits the schema, else an
// error that names each place that does not fit.
func (s *Schema) Validate(text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	return s.compiled.Validate(value)
}
