package config

import (
	"bytes"
	"errors"
	"io/fs"
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
