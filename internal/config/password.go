package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// secret returns a password or token: the environment variable, else the content of
// the file that KEY_file names, else the value of KEY. An empty variable or value counts
// as not set; an empty file is an error. file is nil unless the secret came from a
// regular file, since a pipe can be read only once.
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
	s.reject(e, err)
}
