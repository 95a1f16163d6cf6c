package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

const maxSecret = 64 << 10 // bytes

// secret returns the value of a password or token: from the environment
// variable, else from the file that KEY_file names, else from KEY. An empty
// one counts as none.
func (s *section) secret(key, variable string) Secret {
	plain := s.text(key, "")
	path := s.text(key+"_file", "")
	if text := withoutNewline(os.Getenv(variable)); text != "" {
		if strings.HasPrefix(text, byteOrderMark) {
			s.errs = append(s.errs, fmt.Errorf("%s starts with a byte-order mark; set it without one", variable))
		}
		return NewSecret(text)
	}
	if path == "" {
		return NewSecret(plain)
	}
	text, err := s.secretFile(path)
	if err != nil {
		e, _ := s.get(key + "_file")
		s.errs = append(s.errs, fmt.Errorf("%s:%d: [%s] %s: %w", s.file.path, e.line, e.section, e.key, err))
	}
	return NewSecret(text)
}

const byteOrderMark = "\ufeff"

// withoutNewline drops one line end, which editors and echo leave.
func withoutNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// secretFile reads a file of one line, the line's end not included.
func (s *section) secretFile(path string) (string, error) {
	data, mode, err := readFile(path, maxSecret)
	if err != nil {
		return "", err
	}
	data = []byte(withoutNewline(string(data)))
	switch {
	case bytes.HasPrefix(data, []byte(byteOrderMark)):
		return "", errors.New(path + " starts with a byte-order mark; save it as UTF-8 without one")
	case len(data) == 0:
		return "", errors.New(path + " is empty; write the secret into it, on one line")
	case bytes.ContainsAny(data, "\r\n"):
		return "", errors.New(path + " holds more than one line; keep the secret alone, on one line")
	case readable(mode):
		s.file.warn("%s holds a secret and others can read it (mode %04o); chmod o-r it", path, mode.Perm())
	}
	return string(data), nil
}
