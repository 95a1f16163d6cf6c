package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of durations.
const (
	shortest = time.Second
	longest  = 24 * time.Hour
)

// section reads the values of one section. It collects errors, so that an operator
// sees all mistakes at once.
type section struct {
	file *File
	name string
	errs []error
}

func (f *File) section(name string) *section { return &section{file: f, name: name} }

// required returns the section called name, or an error if the file does not have that
// section. needs names the keys that the section must have, for the error.
func (f *File) required(name, needs string) (*section, error) {
	if _, ok := f.headers[name]; !ok {
		return nil, fmt.Errorf("%s: there is no section [%s]; add it with %s", f.path, name, needs)
	}
	return f.section(name), nil
}

func (s *section) err() error { return errors.Join(s.errs...) }

// missing adds the error of a key that is absent or empty.
func (s *section) missing(key, want string) {
	s.errs = append(s.errs, fmt.Errorf("%s: [%s] has no %s; set it to %s", s.file.path, s.name, key, want))
}

// wrong adds the error of a wrong value. The error does not show the value.
func (s *section) wrong(e entry, want string) { s.reject(e, errors.New("want "+want)) }

// reject adds err as an error of the entry e.
func (s *section) reject(e entry, err error) {
	s.errs = append(s.errs, fmt.Errorf("%s:%d: [%s] %s: %w", s.file.path, e.line, e.section, e.key, err))
}

// get returns the entry of a key. It panics if the key is not in the table of known
// keys, since checkNames would refuse the key or warn of it.
func (s *section) get(key string) (entry, bool) {
	if !slices.Contains(keys[s.name], key) {
		panic("config: key " + key + " of section " + s.name + " is not in the table")
	}
	return s.file.lookup(s.name, key)
}

// text returns the value of a key, or fallback if the key is not set.
func (s *section) text(key, fallback string) string {
	if e, ok := s.get(key); ok {
		return e.text.Reveal()
	}
	return fallback
}

// boolean accepts what Python's configparser.getboolean accepts.
func (s *section) boolean(key string, fallback bool) bool {
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
	s.wrong(e, "yes, true, on or 1, or no, false, off or 0")
	return fallback
}

// choice returns one of several words, which may be written in any case. An empty
// value counts as the first word.
func (s *section) choice(key string, words ...string) string {
	e, ok := s.get(key)
	if !ok || e.text.Reveal() == "" {
		return words[0]
	}
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, e.text.Reveal()) })
	if i < 0 {
		s.wrong(e, strings.Join(words[:len(words)-1], ", ")+" or "+words[len(words)-1])
		return words[0]
	}
	return words[i]
}

// compression reads the key compression. The word none becomes the empty text.
func (s *section) compression(words ...string) string {
	return strings.TrimPrefix(s.choice("compression", words...), "none")
}

// port returns a port number, or 0 if the key is not set.
func (s *section) port() uint16 {
	e, ok := s.get("port")
	if !ok {
		return 0
	}
	port, ok := parsePort(e.text.Reveal())
	if !ok {
		s.wrong(e, "a port number from 1 to 65535")
	}
	return port
}

// duration returns a duration from one second to most, written as a number of
// seconds or with a unit.
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
		s.wrong(e, fmt.Sprintf("seconds, or a duration such as 30s or 2m, from %g to %g seconds", shortest.Seconds(), most.Seconds()))
		return fallback
	}
	return d
}

// shortText returns a text of at most 255 bytes, the limit of AMQP's short strings.
func (s *section) shortText(key, fallback string) string {
	text := s.text(key, fallback)
	if e, ok := s.get(key); ok && len(text) > 255 {
		s.wrong(e, fmt.Sprintf("at most 255 bytes, not %d", len(text)))
	}
	return text
}

func parsePort(text string) (uint16, bool) {
	port, err := strconv.ParseUint(text, 10, 16)
	return uint16(port), err == nil && port > 0
}
