package config

import (
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// reference matches ${NAME} and ${NAME:default}. The groups are NAME, the default with its
// colon, and the rest from a second colon on, at which the Python tool ended the default.
var reference = regexp.MustCompile(`^\$\{(\w+)(:[^:]*)?(:.*)?\}$`)

// expand sets e.text to raw. If raw is a reference, expand sets e.text to the value of
// the variable, or to the default if the variable is not set. If there is no default,
// e.text stays the reference itself, and expand adds a warning.
func (p *parser) expand(e *entry, raw string) error {
	e.text, e.inFile = NewSecret(raw), true
	// Like the Python tool, expand takes a text of at most three characters literally.
	if !strings.HasPrefix(raw, "${") || utf8.RuneCountInString(raw) <= len("${}") {
		return nil
	}
	m := reference.FindStringSubmatch(raw)
	if m == nil {
		return p.errorf("%s: a value that starts with ${ must be ${NAME} or ${NAME:default} and nothing else", e.shown())
	}
	name, fallback, rest := m[1], m[2], m[3]
	if value, ok := os.LookupEnv(name); ok {
		e.text, e.inFile = NewSecret(value), false
		return nil
	}
	if fallback == "" {
		p.file.warnAt(*e, "its environment variable is not set; set it: until then the value is the reference itself")
		return nil
	}
	if rest != "" {
		p.file.warnAt(*e, "the default contains a colon, and the text from that colon on is ignored; set the environment variable")
	}
	e.text = NewSecret(strings.TrimPrefix(fallback, ":"))
	return nil
}
