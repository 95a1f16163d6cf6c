package config

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "(hidden)"

// Secret is a text that is hidden in everything that is printed, logged or encoded.
// The zero Secret is the empty text.
type Secret struct {
	// It is a pointer because fmt calls no methods of a value in an unexported field
	// of a struct: fmt prints the address then, not the text.
	text *string
}

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns a placeholder for the text.
func (Secret) String() string { return hidden }

// Format prints the placeholder, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue returns the placeholder for log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns the placeholder for encoding/json and other encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
