package config

import (
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// reference matches a value that names an environment variable and, perhaps, a
// default. The default ends at its first colon, as it did in the Python tool. The groups
// are the variable, the default, and what follows the default's colon.
var reference = regexp.MustCompile(`^\$\{(\w+)(?::([^:]*)(:.*)?)?\}$`)

// expand sets e.text to raw. If raw is a reference, expand sets e.text to the value of
// the variable, or to the default if the variable is not set. If there is no default,
// e.text stays the reference itself, and expand adds a warning.
func (p *parser) expand(e *entry, raw string) error {
	e.text, e.inFile = NewSecret(raw), true
	if !strings.HasPrefix(raw, "${") || utf8.RuneCountInString(raw) < 4 {
		return nil
	}
	m := reference.FindStringSubmatchIndex(raw) // start and end of each group; -1 for an absent group
	if m == nil {
		return p.errorf("[%s] %s: a value that starts with ${ must be ${NAME} or ${NAME:default} and nothing else",
			e.section, keyShown(e.section, e.key))
	}
	if value, ok := os.LookupEnv(raw[m[2]:m[3]]); ok {
		e.text, e.inFile = NewSecret(value), false
		return nil
	}
	if m[4] < 0 {
		p.warnf("[%s] %s: its environment variable is not set; set it: until then the value is the reference itself", e.section, keyShown(e.section, e.key))
		return nil
	}
	if m[6] >= 0 {
		p.warnf("[%s] %s: the default ends at its colon and what follows is ignored; set the environment variable",
			e.section, keyShown(e.section, e.key))
	}
	e.text = NewSecret(raw[m[4]:m[5]])
	return nil
}
