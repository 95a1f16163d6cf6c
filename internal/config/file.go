package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tstat-transport/internal/cli"
)

const maxFile = 1 << 20 // bytes

// keys lists the sections and the keys that each of them takes. A section of
// queue options takes every key that starts with x- besides.
var keys = map[string][]string{
	"rabbit": {
		"host", "port", "host_order", "username", "password", "password_file", "use_ssl",
		"vhost", "queue", "routing_key", "exchange",
		"heartbeat", "connection_timeout", "confirm_timeout", "blocked_timeout",
		"delivery_mode", "compression",
	},
	queueSection: {"durable", "exclusive", "auto_delete", "passive"},
	tlsSection:   {"ca_certs", "certfile", "keyfile", "cert_reqs", "server_hostname", "ciphers"},
	"file":       {"path", "format", "compression"},
	"http": {
		"url", "host", "port", "path", "use_ssl",
		"username", "password", "password_file", "token", "token_file",
		"timeout", "compression",
	},
}

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

// checkNames warns of unknown sections and keys. A key that is a slip of a known
// one, or means the same, is an error: use_tls would leave encryption off. Any
// other unknown key is not shown, since it may be a password: the line
// "password SECRET=" has the key "password secret".
func (f *File) checkNames() error {
	var slips []error
	sections := sorted(keys)
	for _, section := range sorted(f.headers) {
		if _, ok := keys[section]; !ok && section != defaultSection {
			f.warn("%s:%d: unknown section %q is ignored; the nearest known one is [%s]",
				f.path, f.headers[section], section, nearest(section, sections))
		}
	}
	for _, e := range f.entries {
		known, ok := keys[e.section]
		if e.section == defaultSection {
			known, ok = allKeys(), true
		}
		argument := strings.HasPrefix(e.key, "x-") && (e.section == queueSection || e.section == defaultSection)
		if !ok || argument || slices.Contains(known, e.key) {
			continue
		}
		if meant := intended(e.key, known); meant != "" {
			slips = append(slips, fmt.Errorf("%s:%d: [%s] unknown key %q; is %s meant? Correct or remove it",
				f.path, e.line, e.section, e.key, meant))
			continue
		}
		f.warn("%s:%d: [%s] the line has an unknown key and is ignored (the key is not shown: it may be a part of a value)",
			f.path, e.line, e.section)
	}
	return errors.Join(slips...)
}

// synonyms are what other programs call the known keys.
var synonyms = map[string]string{
	"use_tls": "use_ssl", "ssl": "use_ssl", "tls": "use_ssl", "user": "username", "login": "username",
	"pass": "password", "passwd": "password", "virtual_host": "vhost", "virtualhost": "vhost", "hostname": "host",
	"ca_cert": "ca_certs", "cafile": "ca_certs", "cacertfile": "ca_certs", "verify": "cert_reqs",
}

// intended returns the known key that an unknown one is a slip of or means; the
// empty text if there is none.
func intended(key string, known []string) string {
	if meant, ok := synonyms[key]; ok && slices.Contains(known, meant) {
		return meant
	}
	if strings.ContainsFunc(key, isSpace) {
		return ""
	}
	meant, most := nearest(key, known), 1
	if len(meant) >= 6 {
		most = 2
	}
	if distance(key, meant) > most {
		return ""
	}
	return meant
}

// keyShown returns a key as messages may show it: one that is not known may be a
// part of a value.
func keyShown(section, key string) string {
	argument := strings.HasPrefix(key, "x-") && (section == queueSection || section == defaultSection)
	if argument || slices.Contains(allKeys(), key) {
		return key
	}
	return "(not shown)"
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

func allKeys() []string {
	var all []string
	for _, section := range sorted(keys) {
		all = append(all, keys[section]...)
	}
	return all
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
