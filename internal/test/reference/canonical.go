package reference

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-json"
)

// Canonical returns a JSON value in the one form in which equal values are
// equal text: keys sorted, no space between them, and numbers as exact
// fractions (1, 1.0 and 1e0 are {"number":"1/1"}).
func Canonical(text []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("canonical form of %q: %w", text, err)
	}
	canonical, err := json.Marshal(exact(value))
	return string(canonical), err
}

func exact(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = exact(v[key])
		}
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case json.Number:
		return map[string]string{"number": rat(v.String()).String()}
	}
	return value
}
