package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// section reads the values of one section and gathers what is wrong with
// them, so that a file with three mistakes is corrected once.
type section struct {
	file *File
	name string
	errs []error
}

func (f *File) section(name string) *section { return &section{file: f, name: name} }

// required is section for one that must be in the file.
func (f *File) required(name, needs string) (*section, error) {
	if _, ok := f.headers[name]; !ok {
		return nil, fmt.Errorf("%s: there is no section [%s]; add it with %s", f.path, name, needs)
	}
	return f.section(name), nil
}

func (s *section) err() error { return errors.Join(s.errs...) }

// missing reports that a key is not there or is empty.
func (s *section) missing(key, want string) {
	s.errs = append(s.errs, fmt.Errorf("%s: [%s] has no %s; set it to %s", s.file.path, s.name, key, want))
}

// reject reports a wrong value, without showing it.
func (s *section) reject(e entry, want string) {
	s.errs = append(s.errs, fmt.Errorf("%s:%d: [%s] %s: want %s", s.file.path, e.line, e.section, e.key, want))
}

// get returns a key's entry. A key that the table of known ones lacks would be
// called unknown in a warning and is a mistake of ours.
func (s *section) get(key string) (entry, bool) {
	if !slices.Contains(keys[s.name], key) {
		panic("config: key " + key + " of section " + s.name + " is not in the table")
	}
	return s.file.lookup(s.name, key)
}

// text returns a key's value, else fallback.
func (s *section) text(key, fallback string) string {
	if e, ok := s.get(key); ok {
		return e.text.Reveal()
	}
	return fallback
}

// flag reads what Python's getboolean reads.
func (s *section) flag(key string, fallback bool) bool {
	e, ok := s.get(key)
	if !ok {
		return fallback
	}
	switch strings.ToLower(e.text.Reveal()) {
	case "1", "yes", "true", "on":
		return true
	case "0", "no", "false", "off":
		return false
	}
	s.reject(e, "yes, true, on or 1, or no, false, off or 0")
	return fallback
}

// choice reads one of several words, in any case.
func (s *section) choice(key string, words ...string) string {
	e, ok := s.get(key)
	if !ok || e.text.Reveal() == "" {
		return words[0]
	}
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, e.text.Reveal()) })
	if i < 0 {
		s.reject(e, strings.Join(words[:len(words)-1], ", ")+" or "+words[len(words)-1])
		return words[0]
	}
	return words[i]
}

// port reads a port number; 0 if there is none.
func (s *section) port(key string) uint16 {
	e, ok := s.get(key)
	if !ok {
		return 0
	}
	port, ok := parsePort(e.text.Reveal())
	if !ok {
		s.reject(e, "a port number from 1 to 65535")
	}
	return port
}

// duration reads seconds or a duration with its unit, from a second to most.
func (s *section) duration(key string, fallback, most time.Duration) time.Duration {
	e, ok := s.get(key)
	if !ok {
		return fallback
	}
	text := e.text.Reveal()
	if strings.Trim(text, "0123456789.") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < shortest || d > most {
		s.reject(e, fmt.Sprintf("seconds, or a duration such as 30s or 2m, from %g to %g seconds", shortest.Seconds(), most.Seconds()))
		return fallback
	}
	return d
}

// short reports a text that is too long for AMQP's short strings.
func (s *section) short(key, fallback string) string {
	text := s.text(key, fallback)
	if e, ok := s.get(key); ok && len(text) > 255 {
		s.reject(e, fmt.Sprintf("at most 255 bytes, not %d", len(text)))
	}
	return text
}

func parsePort(text string) (uint16, bool) {
	port, err := strconv.ParseUint(text, 10, 16)
	return uint16(port), err == nil && port > 0
}

// quote shows a value in an error, unless it may hold a password.
func quote(text string) string {
	if strings.ContainsRune(text, '@') {
		return "(not shown, since it has an @)"
	}
	if runes := []rune(text); len(runes) > 80 {
		return strconv.Quote(string(runes[:80])) + "..."
	}
	return strconv.Quote(text)
}
