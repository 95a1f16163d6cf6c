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

// SecretFile is a file that holds a secret. The secret may change during the run.
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

// secret returns a password or token: the environment variable, else the content of
// the file that KEY_file names, else the value of KEY. An empty secret counts as not
// set. file is nil unless the secret came from a regular file, since a pipe can be read
// only once.
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
		s.unreadable(key+"_file", err)
		return Secret{}, nil
	}
	if othersCanRead(mode) {
		s.file.warn("%s holds a secret and others can read it (mode %04o); chmod o-r it", path, mode.Perm())
	}
	value = NewSecret(text)
	if mode.IsRegular() {
		file = &SecretFile{path: path, last: value}
	}
	return value, file
}

// unreadable adds the error of a secret's file. It does not show the name of a file that
// cannot be opened: the name may be the secret itself, written in the place of its file.
func (s *section) unreadable(key string, err error) {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s the file that it names: %w", pathError.Op, pathError.Err)
	}
	e, _ := s.get(key)
	s.errs = append(s.errs, fmt.Errorf("%s:%d: [%s] %s: %w", s.file.path, e.line, e.section, e.key, err))
}

const byteOrderMark = "\ufeff"

// withoutNewline returns text without a line end, which editors and echo add.
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
