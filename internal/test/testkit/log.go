package testkit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// ReadLog returns the uncompressed content of a log. A gzip stream may be cut short.
func ReadLog(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil && strings.HasSuffix(path, ".gz") && len(content) > 0 {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(content)); err == nil {
			content, err = io.ReadAll(z)
		}
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%s: %v", path, err)
	}
	return content
}
