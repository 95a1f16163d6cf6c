package config

import (
	"fmt"
	"io"
	"log/slog"
)

const hidden = "(hidden)"

// Secret is text that no way of printing, logging or encoding shows. The zero
// value is the empty text.
type Secret struct {
	// A pointer, since fmt prints unexported fields of other people's structs
	// without asking their methods: it then shows an address.
	text *string
}

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text itself, to be handed to whoever authenticates.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String hides it, as every other way of printing it does.
func (Secret) String() string { return hidden }

// Format is for every verb of fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue is for slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText is for JSON, and whatever else marshals text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
