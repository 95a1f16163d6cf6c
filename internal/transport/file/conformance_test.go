package file_test

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/file"
)

func TestFile(t *testing.T) {
	for _, format := range []string{"messages", "flows"} {
		for _, compression := range []string{"", "gzip", "zstd"} {
			t.Run(format+" "+compression, func(t *testing.T) {
				transporttest.Run(t, func(t *testing.T) transporttest.Subject {
					o := file.Options{Path: t.TempDir(), Format: format, Compression: compression}
					return transporttest.Subject{
						Open: func(t *testing.T) transport.Transport {
							f, err := file.Open(o)
							if err != nil {
								t.Fatal(err)
							}
							return f
						},
						Received: func(t *testing.T) []string { return readFolder(t, o.Path) },
					}
				})
			})
		}
	}
}

// readFolder returns the lines of all finished files. An unfinished file is an error.
func readFolder(t *testing.T, path string) (lines []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left", e.Name())
			continue
		}
		lines = append(lines, readLines(t, filepath.Join(path, e.Name()))...)
	}
	return lines
}

func readLines(t testing.TB, path string) (lines []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	switch filepath.Ext(path) {
	case ".gz":
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestFileFaults(t *testing.T) {
	open := func(path func(t *testing.T) string) func(t *testing.T) (transport.Transport, error) {
		return func(t *testing.T) (transport.Transport, error) {
			f, err := file.Open(file.Options{Path: path(t)})
			if err != nil {
				return nil, err
			}
			return f, nil
		}
	}
	transporttest.RunFaults(t, map[string]transporttest.Fault{
		"no folder": {
			Open:    open(func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }),
			Verdict: transport.Misconfigured,
			Words:   []string{"none", "create the folder", "[file]"},
		},
		"no folder but a file": {
			Open: open(func(t *testing.T) string {
				path := filepath.Join(t.TempDir(), "file")
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}),
			Verdict: transport.Misconfigured,
			Words:   []string{"file", "create the folder"},
		},
		"the folder goes away": {
			Open: func(t *testing.T) (transport.Transport, error) {
				path := filepath.Join(t.TempDir(), "out")
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
				f, err := file.Open(file.Options{Path: path})
				if err != nil {
					t.Fatal(err)
				}
				return f, os.Remove(path)
			},
			Verdict: transport.Misconfigured,
			Words:   []string{"create the folder"},
		},
	})
}
