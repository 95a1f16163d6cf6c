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

// File is the content of an ini file. Its methods return the sections.
type File struct {
	path     string
	headers  map[string]int  // the line of each section's header
	entries  []entry         // in the file's order
	index    map[entryID]int // positions in entries
	warnings []string
}

// entry is one key with its value.
type entry struct {
	section, key string
	line         int
	text         Secret
	// inFile reports that the text comes from the file, not from the environment.
	inFile bool
}

// entryID identifies an entry: its section, and its key in lower case.
type entryID struct{ section, key string }

// Load reads the file at path, of at most 1 MiB, and checks its syntax and names.
func Load(path string) (*File, error) {
	data, mode, err := readFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	f, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	if err := f.checkNames(); err != nil {
		return nil, err
	}
	f.checkQuotes()
	if othersCanRead(mode) && slices.ContainsFunc(f.entries, entry.exposesSecret) {
		f.warn("%s holds a password or token and others can read it (mode %04o); chmod o-r it", path, mode.Perm())
	}
	return f, nil
}

// Warnings returns the warnings of Load and of the methods called so far.
func (f *File) Warnings() []string { return slices.Clone(f.warnings) }

func (f *File) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(f.warnings, text) {
		f.warnings = append(f.warnings, text)
	}
}

func (f *File) warnAt(e entry, format string, args ...any) {
	f.warn("%s:%d: %s: %s", f.path, e.line, e.shown(), fmt.Sprintf(format, args...))
}

// lookup returns the entry of a key in a section, or if there is none, in
// [DEFAULT].
func (f *File) lookup(section, key string) (entry, bool) {
	i, ok := f.index[entryID{section, key}]
	if !ok {
		i, ok = f.index[entryID{defaultSection, key}]
	}
	if !ok {
		return entry{}, false
	}
	return f.entries[i], true
}

// checkQuotes warns of values in quotes, since quotes are not part of the syntax. A secret
// may be in quotes.
func (f *File) checkQuotes() {
	for _, e := range f.entries {
		text := e.text.Reveal()
		if _, ok := f.knownKeys(e.section); !ok || len(text) < 2 || isSecret(e.key) {
			continue
		}
		if first := text[0]; (first == '"' || first == '\'') && text[len(text)-1] == first {
			f.warnAt(e, "the quotes are part of the value; remove them unless they are meant")
		}
	}
}

func isSecret(key string) bool { return key == "password" || key == "token" }

// exposesSecret reports whether the file itself holds a secret.
func (e entry) exposesSecret() bool {
	return isSecret(e.key) && e.inFile && e.text.Reveal() != ""
}

// othersCanRead reports whether every user can read a regular file. The group may
// read it: the .deb and .rpm give the configuration to the group tstat-transport.
func othersCanRead(mode fs.FileMode) bool { return mode.IsRegular() && mode.Perm()&0o004 != 0 }

// readFile reads a file or a pipe of at most limit bytes. A named pipe without a
// writer counts as empty.
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
