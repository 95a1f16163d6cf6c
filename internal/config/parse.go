package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxKeys = 1000 // keys in a file, and also sections
	maxName = 255  // bytes of a section's or key's name; AMQP's limit for an argument's name

	defaultSection = "DEFAULT"
)

// parser reads a File line by line. lastKey and indent decide whether a line continues
// the value above it, by the rules of Python's configparser.
type parser struct {
	file    *File
	line    int
	section string
	lastKey string // the last key in this section, if any
	indent  int    // characters before the last header or key
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.file.path, p.line, fmt.Sprintf(format, args...))
}

// parse parses data, the content of the file at path. An error shows no text of the
// file except what sectionShown and keyShown show.
func parse(path string, data []byte) (*File, error) {
	p := &parser{file: &File{path: path, headers: map[string]int{}, index: map[entryID]int{}}}
	for raw := range bytes.Lines(data) {
		p.line++
		if p.line == 1 && bytes.HasPrefix(raw, []byte(byteOrderMark)) {
			return nil, p.errorf("the file starts with a byte-order mark; save it as UTF-8 without one")
		}
		if !utf8.Valid(raw) {
			return nil, p.errorf("the line is not UTF-8; save the file as UTF-8")
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		if strings.ContainsRune(text, '\r') {
			return nil, p.errorf("the line has a carriage return before its end; end lines with a line feed, or with both")
		}
		if err := p.readLine(text); err != nil {
			return nil, err
		}
	}
	return p.file, nil
}

func (p *parser) readLine(text string) error {
	stripped := strings.TrimFunc(text, isSpace)
	if stripped == "" || stripped[0] == '#' || stripped[0] == ';' {
		return nil
	}
	indent := utf8.RuneCountInString(text[:strings.Index(text, stripped)])
	if p.lastKey != "" && indent > p.indent {
		return p.errorf("the line is indented deeper than the key %s above, which would make it part of that value; "+
			"write a value on one line and start every key at the same column", keyShown(p.section, p.lastKey))
	}
	p.indent = indent
	if stripped[0] == '[' {
		return p.readHeader(stripped)
	}
	return p.readEntry(stripped)
}

func (p *parser) readHeader(text string) error {
	end := strings.LastIndexByte(text, ']')
	if end < 0 {
		return p.errorf("a section header without its ]; write it as [name]")
	}
	section, rest := text[1:end], strings.TrimLeftFunc(text[end+1:], isSpace)
	if section == "" {
		return p.errorf("a section header without a name; write it as [name]")
	}
	if len(section) > maxName {
		return p.errorf("a section name of %d bytes; at most %d are accepted", len(section), maxName)
	}
	if first, ok := p.file.headers[section]; ok && section != defaultSection {
		return p.errorf("section %s already begins in line %d; join the two", sectionShown(section), first)
	}
	if rest != "" && rest[0] != '#' && rest[0] != ';' {
		p.file.warn("%v", p.errorf("what follows the header of section %s is ignored; move it to a line of its own", sectionShown(section)))
	}
	if len(p.file.headers) == maxKeys {
		return p.errorf("more than %d sections; is this a configuration of tstat_send?", maxKeys)
	}
	if _, ok := p.file.headers[section]; !ok {
		p.file.headers[section] = p.line
	}
	p.section, p.lastKey = section, ""
	return nil
}

func (p *parser) readEntry(text string) error {
	at := strings.IndexAny(text, "=:")
	switch {
	case p.section == "":
		return p.errorf("a line before the first section; put a header such as [rabbit] above it")
	case at < 0:
		return p.errorf("a line without = or :; write it as key = value, or start it with # to make it a comment")
	case at == 0:
		return p.errorf("a value without a key; write it as key = value")
	}
	key := strings.ToLower(strings.TrimRightFunc(text[:at], isSpace))
	if len(key) > maxName {
		return p.errorf("a key of %d bytes; at most %d are accepted", len(key), maxName)
	}
	id := entryID{p.section, key}
	if first, ok := p.file.index[id]; ok {
		return p.errorf("key %s of section %s is already set in line %d; remove one of them",
			keyShown(p.section, key), sectionShown(p.section), p.file.entries[first].line)
	}
	if len(p.file.entries) == maxKeys {
		return p.errorf("more than %d keys; is this a configuration of tstat_send?", maxKeys)
	}
	e := entry{section: p.section, key: key, line: p.line}
	if err := p.expand(&e, strings.TrimFunc(text[at+1:], isSpace)); err != nil {
		return err
	}
	p.file.index[id] = len(p.file.entries)
	p.file.entries = append(p.file.entries, e)
	p.lastKey = key
	return nil
}

// isSpace reports whether Python's str.strip removes r.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
