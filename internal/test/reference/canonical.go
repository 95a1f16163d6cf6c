package reference

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-json"
)

// Canonical returns a JSON value in canonical form, so that equal values have equal text: keys
// are sorted, strings are quoted as Go quotes them, and numbers are their significant digits
// and a power of ten (1, 1.0 and 10e-1 are 1e0).
func Canonical(text []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("canonical form of %q: %w", text, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("canonical form of %q: more than one value", text)
	}
	canonical, err := appendCanonical(nil, value)
	if err != nil {
		return "", fmt.Errorf("canonical form of %q: %w", text, err)
	}
	return string(canonical), nil
}

// MustCanonical is Canonical for tests. It fails t if text is not one JSON value.
func MustCanonical(t testing.TB, text []byte) string {
	t.Helper()
	canonical, err := Canonical(text)
	if err != nil {
		t.Fatal(err)
	}
	return canonical
}

// CompareJSON fails t if two lists of JSON values do not hold the same values equally often. The
// order does not count.
func CompareJSON(t testing.TB, got, want []string) {
	t.Helper()
	counts := map[string]int{}
	for _, text := range want {
		counts[MustCanonical(t, []byte(text))]++
	}
	for _, text := range got {
		counts[MustCanonical(t, []byte(text))]--
	}
	reported := 0
	for value, count := range counts {
		if count != 0 && reported < 5 {
			t.Errorf("%+d (+ missing, - surplus): %s", count, value)
			reported++
		}
	}
}

func appendCanonical(b []byte, value any) ([]byte, error) {
	var err error
	switch v := value.(type) {
	case map[string]any:
		b = append(b, '{')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = append(strconv.AppendQuote(b, key), ':')
			if b, err = appendCanonical(b, v[key]); err != nil {
				return nil, err
			}
			b = append(b, ',')
		}
		return append(b, '}'), nil
	case []any:
		b = append(b, '[')
		for _, element := range v {
			if b, err = appendCanonical(b, element); err != nil {
				return nil, err
			}
			b = append(b, ',')
		}
		return append(b, ']'), nil
	case string:
		return strconv.AppendQuote(b, v), nil
	case json.Number:
		number, err := significant(v.String())
		return append(b, number...), err
	}
	return fmt.Append(b, value), nil // true, false or null
}

// significant returns the digits of a JSON number without zeros at either end,
// and the power of ten that they are multiplied with.
func significant(number string) (string, error) {
	digits, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	power := 0
	if exponent != "" {
		var err error
		if power, err = strconv.Atoi(exponent); err != nil {
			return "", err
		}
	}
	digits, negative := strings.CutPrefix(digits, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = whole + fraction
	short := strings.TrimRight(digits, "0")
	power += len(digits) - len(short) - len(fraction)
	short = strings.TrimLeft(short, "0")
	if short == "" {
		return "0e0", nil // also for -0
	}
	if negative {
		short = "-" + short
	}
	return short + "e" + strconv.Itoa(power), nil
}
