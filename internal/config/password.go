package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

const maxSecret = 64 << 10 // bytes

// SecretFile is a file that holds a secret. The file may get another secret
// while the run lasts.
type SecretFile struct {
	path string
	mu   sync.Mutex
	last Secret
}

// Read returns the secret that the file holds now. If the file cannot be read,
// Read returns the secret that it held last, together with the error.
func (f *SecretFile) Read() (Secret, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, _, err := readSecret(f.path)
	if err == nil {
		f.last = NewSecret(text)
	}
	return f.last, err
}

// secret returns the value of a password or token: from the environment
// variable, else from the file that KEY_file names, else from KEY. An empty
// one counts as none. file is nil unless the secret came from a regular file: a
// pipe can be read once only.
func (s *section) secret(key, variable string) (value Secret, file *SecretFile) {
	plain := s.text(key, "")
	path := s.text(key+"_file", "")
	if text := withoutNewline(os.Getenv(variable)); text != "" {
		if strings.HasPrefix(text, byteOrderMark) {
			s.errs = append(s.errs, fmt.Errorf("%s starts with a byte-order mark; set it without one", variable))
		}
		return NewSecret(text), nil
	}
	if path == "" {
		return NewSecret(plain), nil
	}
	text, mode, err := readSecret(path)
	if err != nil {
		e, _ := s.get(key + "_file")
		s.errs = append(s.errs, fmt.Errorf("%s:%d: [%s] %s: %w", s.file.path, e.line, e.section, e.key, err))
		return Secret{}, nil
	}
	if readable(mode) {
		s.file.warn("%s holds a secret and others can read it (mode %04o); chmod o-r it", path, mode.Perm())
	}
	value = NewSecret(text)
	if mode.IsRegular() {
		file = &SecretFile{path: path, last: value}
	}
	return value, file
}

const byteOrderMark = "\ufeff"

// withoutNewline drops one line end, which editors and echo leave.
func withoutNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// readSecret reads a file of one line and returns the line without its end.
func readSecret(path string) (string, fs.FileMode, error) {
	data, mode, err := readFile(path, maxSecret)
	if err != nil {
		return "", 0, err
	}
	data = []byte(withoutNewline(string(data)))
	switch {
	case bytes.HasPrefix(data, []byte(byteOrderMark)):
		return "", 0, errors.New(path + " starts with a byte-order mark; save it as UTF-8 without one")
	case len(data) == 0:
		return "", 0, errors.New(path + " is empty; write the secret into it, on one line")
	case bytes.ContainsAny(data, "\r\n"):
		return "", 0, errors.New(path + " holds more than one line; keep the secret alone, on one line")
	}
	return string(data), mode, nil
}
