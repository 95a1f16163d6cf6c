package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/cli"
)

const maxFile = 1 << 20 // bytes

// File is an ini file that has been read; its methods give the sections. It
// is not changed by others' edits afterwards.
type File struct {
	path     string
	headers  map[string]int
	entries  []entry
	index    map[name]int
	warnings []string
}

// Load reads the file at path, of at most 1 MiB, and checks its syntax.
func Load(path string) (*File, error) {
	data, mode, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	p, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, headers: p.headers, entries: p.entries, index: p.index, warnings: p.warnings}
	if err := f.checkNames(); err != nil {
		return nil, err
	}
	f.checkQuotes()
	if readable(mode) && slices.ContainsFunc(f.entries, entry.exposesSecret) {
		f.warn("%s holds a password or token and others can read it (mode %04o); chmod o-r it", path, mode.Perm())
	}
	return f, nil
}

// Warnings returns what can be read but is probably a mistake, found by Load
// and by the methods called so far. No warning holds a secret.
func (f *File) Warnings() []string { return slices.Clone(f.warnings) }

func (f *File) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(f.warnings, text) {
		f.warnings = append(f.warnings, text)
	}
}

func (f *File) warnAt(e entry, format string, args ...any) {
	f.warn("%s:%d: [%s] %s: %s", f.path, e.line, e.section, keyShown(e.section, e.key), fmt.Sprintf(format, args...))
}

// lookup returns the section's own entry, else the one it inherits.
func (f *File) lookup(section, key string) (entry, bool) {
	i, ok := f.index[name{section, key}]
	if !ok {
		i, ok = f.index[name{defaultSection, key}]
	}
	if !ok {
		return entry{}, false
	}
	return f.entries[i], true
}

func (f *File) checkQuotes() {
	for _, e := range f.entries {
		text := e.text.Reveal()
		if len(text) < 2 || isSecret(e.key) || keys[e.section] == nil {
			continue
		}
		if first := text[0]; (first == '"' || first == '\'') && text[len(text)-1] == first {
			f.warnAt(e, "the quotes are part of the value; remove them unless they are meant")
		}
	}
}

func isSecret(key string) bool { return key == "password" || key == "token" }

func (e entry) exposesSecret() bool {
	return isSecret(e.key) && e.stored && e.text.Reveal() != ""
}

// readable says whether everybody can read a regular file. A group that can is
// meant to: the packages give the configuration to that of their user.
func readable(mode fs.FileMode) bool { return mode.IsRegular() && mode.Perm()&0o004 != 0 }

// readFile reads a whole file, which may be a pipe, of at most limit bytes. A
// named pipe that nobody writes to is empty.
func readFile(path string, limit int64) (data []byte, mode fs.FileMode, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	_ = file.SetReadDeadline(time.Now().Add(cli.PipeTimeout)) // fails on a regular file, which needs none
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err = io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, info.Mode(), err
}
