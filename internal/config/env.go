package config

import (
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// reference is a whole value that is taken from the environment. The default
// ends at a second colon, as it did for the Python tool.
var reference = regexp.MustCompile(`^\$\{(\w+)(?::([^:]*)(:.*)?)?\}$`)

// expand sets e's text to raw, or to what raw refers to. A variable that is
// not set and has no default leaves the value as it stands.
func (p *parser) expand(e *entry, raw string) error {
	e.text, e.stored = NewSecret(raw), true
	if !strings.HasPrefix(raw, "${") || utf8.RuneCountInString(raw) < 4 {
		return nil
	}
	m := reference.FindStringSubmatchIndex(raw)
	if m == nil {
		return p.errorf("[%s] %s: a value that starts with ${ must be ${NAME} or ${NAME:default} and nothing else",
			e.section, keyShown(e.section, e.key))
	}
	if value, ok := os.LookupEnv(raw[m[2]:m[3]]); ok {
		e.text, e.stored = NewSecret(value), false
		return nil
	}
	if m[4] < 0 {
		p.warnf("[%s] %s: its environment variable is not set; set it, or the value is what stands here", e.section, keyShown(e.section, e.key))
		return nil
	}
	if m[6] >= 0 {
		p.warnf("[%s] %s: the default ends at its colon and what follows is ignored; set the environment variable",
			e.section, keyShown(e.section, e.key))
	}
	e.text = NewSecret(raw[m[4]:m[5]])
	return nil
}
