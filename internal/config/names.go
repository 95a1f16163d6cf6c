package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// keys lists the known keys of each section. The section of queue options also takes
// every key that starts with x-.
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
	privacySection: {"anonymize", "ipv4_prefix", "ipv6_prefix", "networks", "except", "key_file"},
	optionsSection: {"directory", "instance", "sensor", "threshold", "transport"},
}

// checkNames warns of unknown sections and keys. An unknown key is an error if it is
// a misspelling or a synonym of a known key: a use_tls that is ignored would leave
// encryption off. In [tstat_send] and [privacy] every unknown key is an error, since
// ignoring the key would change what is sent. For the same reason a misspelling of
// [privacy] is an error, and so is the key anonymize outside of [privacy] and [DEFAULT].
//
// An unknown key that resembles no known key is not shown, since it may be a password:
// the line "password SECRET=" has the key "password secret".
func (f *File) checkNames() error {
	var errs []error
	for _, section := range sorted(f.headers) {
		if _, ok := keys[section]; !ok && section != defaultSection {
			errs = append(errs, f.unknownSection(section))
		}
	}
	for _, e := range f.entries {
		if e.key == "anonymize" && e.section != privacySection && e.section != defaultSection {
			errs = append(errs, fmt.Errorf("%s:%d: anonymize is a key of [%s]; move it there", f.path, e.line, privacySection))
			continue
		}
		known, ok := f.knownKeys(e.section)
		if ok && !isArgument(e.section, e.key) && !slices.Contains(known, e.key) {
			errs = append(errs, f.unknownKey(e, known))
		}
	}
	return errors.Join(errs...)
}

func (f *File) unknownSection(section string) error {
	if intendedSection(section) == privacySection {
		return fmt.Errorf("%s:%d: unknown section %q; is [%s] meant? Correct or remove it",
			f.path, f.headers[section], section, privacySection)
	}
	f.warn("%s:%d: unknown section %s is ignored; the nearest known one is [%s]",
		f.path, f.headers[section], sectionShown(section), nearest(strings.ToLower(section), sorted(keys)))
	return nil
}

// unknownKey handles an entry whose key is not one of known, the keys of its section.
func (f *File) unknownKey(e entry, known []string) error {
	if meant := intended(e.key, known); meant != "" {
		return fmt.Errorf("%s:%d: [%s] unknown key %q; is %s meant? Correct or remove it",
			f.path, e.line, e.section, e.key, meant)
	}
	if e.section == optionsSection || e.section == privacySection {
		err := fmt.Errorf("%s:%d: [%s] the line has an unknown key (not shown: it may be a part of a value); the nearest of %s is %s",
			f.path, e.line, e.section, strings.Join(known, ", "), nearest(e.key, known))
		if e.section == optionsSection {
			err = fmt.Errorf("%w; every other option is a flag only", err)
		}
		return err
	}
	f.warn("%s:%d: [%s] the line has an unknown key and is ignored (the key is not shown: it may be a part of a value)",
		f.path, e.line, e.section)
	return nil
}

// knownKeys returns the keys that a section takes; ok is false for an unknown
// section. [DEFAULT] takes the keys of [tstat_send] only if the file has the section
// [tstat_send]: any other file was written for the Python tool, and is read as before.
func (f *File) knownKeys(section string) (known []string, ok bool) {
	if section != defaultSection {
		known, ok = keys[section]
		return known, ok
	}
	_, hasOptions := f.headers[optionsSection]
	for _, name := range sorted(keys) {
		if name != optionsSection || hasOptions {
			known = append(known, keys[name]...)
		}
	}
	return known, true
}

// synonyms maps other programs' names of a key to the known key.
var synonyms = map[string]string{
	"use_tls": "use_ssl", "ssl": "use_ssl", "tls": "use_ssl", "user": "username", "login": "username",
	"pass": "password", "passwd": "password", "virtual_host": "vhost", "virtualhost": "vhost", "hostname": "host",
	"directories": "directory", "root": "directory", "roots": "directory", "sensor_id": "sensor", "instance_id": "instance",
	"ca_cert": "ca_certs", "cafile": "ca_certs", "cacertfile": "ca_certs", "verify": "cert_reqs",
}

// intended returns the known name of a key or section that the operator probably meant
// by the unknown name, or the empty text.
func intended(name string, known []string) string {
	if meant, ok := synonyms[name]; ok && slices.Contains(known, meant) {
		return meant
	}
	if strings.ContainsFunc(name, isSpace) {
		return ""
	}
	meant, most := nearest(name, known), 1
	if len(meant) >= 6 {
		most = 2
	}
	if distance(name, meant) > most {
		return ""
	}
	return meant
}

// intendedSection is like intended, for the name of a section in upper or lower case.
func intendedSection(name string) string {
	return intended(strings.ToLower(strings.TrimSpace(name)), sorted(keys))
}

// isArgument reports whether a key is an argument of the queue.
func isArgument(section, key string) bool {
	return strings.HasPrefix(key, "x-") && (section == queueSection || section == defaultSection)
}

// keyShown returns a key as messages may show it. It hides an unknown key, which may be a
// part of a value.
func keyShown(section, key string) string {
	known := func(keys []string) bool { return slices.Contains(keys, key) }
	if isArgument(section, key) || slices.ContainsFunc(slices.Collect(maps.Values(keys)), known) {
		return key
	}
	return "(not shown)"
}

// sectionShown returns the name of a section as messages may show it. It hides a name that
// resembles no known section, which may be a part of a value.
func sectionShown(section string) string {
	if section == defaultSection || intendedSection(section) != "" {
		return "[" + section + "]"
	}
	return "[(not shown)]"
}

// shown returns the section and key of an entry as messages may show them.
func (e entry) shown() string { return sectionShown(e.section) + " " + keyShown(e.section, e.key) }
