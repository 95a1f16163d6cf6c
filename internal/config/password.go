package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
)

const maxSecret = 64 << 10 // bytes

// secret returns the value of a password or token: from the environment
// variable, else from the file that KEY_file names, else from KEY. An empty
// one counts as none.
func (s *section) secret(key, variable string) Secret {
	plain := s.text(key, "")
	path := s.text(key+"_file", "")
	if text := os.Getenv(variable); text != "" {
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

// secretFile reads a file of one line, the line's end not included.
func (s *section) secretFile(path string) (string, error) {
	data, mode, err := readFile(path, maxSecret)
	if err != nil {
		return "", err
	}
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	switch {
	case len(data) == 0:
		return "", errors.New(path + " is empty; write the secret into it, on one line")
	case bytes.ContainsAny(data, "\r\n"):
		return "", errors.New(path + " holds more than one line; keep the secret alone, on one line")
	case readable(mode):
		s.file.warn("%s holds a secret and others can read it (mode %04o); chmod o-r it", path, mode.Perm())
	}
	return string(data), nil
}
