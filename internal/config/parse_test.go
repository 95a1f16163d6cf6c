package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write puts text into a new file that only its owner can read.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads text as a file. In an error the file's path is config.ini.
func load(t testing.TB, text string) (*File, error) {
	t.Helper()
	path := write(t, "config.ini", text)
	f, err := Load(path)
	if err != nil {
		return nil, fmt.Errorf("%s", shorten(err.Error(), path))
	}
	return f, nil
}

func mustLoad(t testing.TB, text string) *File {
	t.Helper()
	f, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// shorten removes the folder of path from text.
func shorten(text, path string) string { return strings.ReplaceAll(text, filepath.Dir(path)+"/", "") }

// warnings returns the warnings of f, with config.ini as the file's path.
func warnings(f *File) []string {
	short := []string{}
	for _, w := range f.Warnings() {
		short = append(short, shorten(w, f.path))
	}
	return short
}

func anyContains(list []string, part string) bool {
	return strings.Contains(strings.Join(list, "\n"), part)
}

// values returns the keys of each section, with those of [DEFAULT], as the method items of
// Python's parser does.
func (f *File) values() map[string]map[string]string {
	all := map[string]map[string]string{}
	for section := range f.headers {
		if section == defaultSection {
			continue
		}
		all[section] = map[string]string{}
		for _, e := range f.entries {
			if v, ok := f.lookup(section, e.key); ok {
				all[section][e.key] = v.text.Reveal()
			}
		}
	}
	return all
}

func readJSON(t *testing.T, name string) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "config", name))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

const indented = "the line is indented deeper than the key (not shown) above, which would make it part of that value; " +
	"write a value on one line and start every key at the same column"

// TestCases compares the values with those that Python reads from the same files. Of the
// refused files, Python reads those with values of several lines.
func TestCases(t *testing.T) {
	t.Setenv("HOME", "/root")
	refused := map[string]string{
		"bom":               "config.ini:1: the file starts with a byte-order mark; save it as UTF-8 without one",
		"comment_in_value":  "config.ini:4: " + indented,
		"multiline":         "config.ini:3: " + indented,
		"multiline_blank":   "config.ini:4: " + indented,
		"empty_then_indent": "config.ini:3: " + indented,
		"triple":            "config.ini:3: " + indented,
		"dup_key":           `config.ini:3: key (not shown) of section [(not shown)] is already set in line 2; remove one of them`,
		"dup_section":       "config.ini:3: section [(not shown)] already begins in line 1; join the two",
		"no_value":          "config.ini:2: a line without = or :; write it as key = value, or start it with # to make it a comment",
		"no_section":        "config.ini:1: a line before the first section; put a header such as [rabbit] above it",
		"equals_only":       "config.ini:2: a value without a key; write it as key = value",
	}
	cases, python := readJSON(t, "cases.json"), readJSON(t, "python.json")
	if got, want := slices.Sorted(maps.Keys(cases)), slices.Sorted(maps.Keys(python)); !slices.Equal(got, want) || len(got) < 30 {
		t.Fatalf("cases %v, results %v", got, want)
	}
	for name, raw := range cases {
		t.Run(name, func(t *testing.T) {
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				t.Fatal(err)
			}
			f, err := load(t, text)
			if reason, ok := refused[name]; ok {
				if err == nil || err.Error() != reason {
					t.Fatalf("got error %v, want %s", err, reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]map[string]string
			if err := json.Unmarshal(python[name], &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, f.values()); diff != "" {
				t.Error("- Python, + ours:\n" + diff)
			}
		})
	}
}

func TestSyntax(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"own value wins", "[DEFAULT]\na = 1\nb = 2\n[s]\nb = 3\n", `{"s":{"a":"1","b":"3"}}`},
		{"default below", "[s]\nb = 3\n[DEFAULT]\na = 1\n", `{"s":{"a":"1","b":"3"}}`},
		{"default in two parts", "[DEFAULT]\na = 1\n[s]\n[DEFAULT]\nb = 2\n", `{"s":{"a":"1","b":"2"}}`},
		{"bracket in name", "[a]b] # c\nk = v\n", `{"a]b":{"k":"v"}}`},
		{"key with quotes", "[s]\n\"k\" = v\n", `{"s":{"\"k\"":"v"}}`},
		{"key named -", "[s]\n- = v\n", `{"s":{"-":"v"}}`},
		{"other spaces", "[s]\nk\u00a0=\u2003v\x1f\n", `{"s":{"k":"v"}}`},
		{"no line end", "[s]\nk = v", `{"s":{"k":"v"}}`},
		{"less indented", "[s]\n  k = v\n j = w\n", `{"s":{"j":"w","k":"v"}}`},
		{"short reference", "[s]\nk = ${}\nj = ${A\n", `{"s":{"j":"${A","k":"${}"}}`},
		{"reference to a set variable", "[s]\nk = ${TSTAT_TEST_SET:other}\n", `{"s":{"k":"${TSTAT} set"}}`},
		{"empty default", "[s]\nk = ${TSTAT_TEST_UNSET:}\n", `{"s":{"k":""}}`},
		{"brace in default", "[s]\nk = ${TSTAT_TEST_UNSET:a}b}\n", `{"s":{"k":"a}b"}}`},
		{"empty", "", `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TSTAT_TEST_SET", "${TSTAT} set")
			got, err := json.Marshal(mustLoad(t, test.text).values())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestSyntaxErrors(t *testing.T) {
	many := "[s]\n"
	for i := range maxKeys + 1 {
		many += fmt.Sprintf("k%d = v\n", i)
	}
	sections := ""
	for i := range maxKeys + 1 {
		sections += fmt.Sprintf("[s%d]\n", i)
	}
	const reference = "a value that starts with ${ must be ${NAME} or ${NAME:default} and nothing else"
	for _, test := range []struct{ name, text, want string }{
		{"bracket", "[s\n", "config.ini:1: a section header without its ]; write it as [name]"},
		{"no name", "[]\n", "config.ini:1: a section header without a name; write it as [name]"},
		{"latin-1", "[s]\nk = \xe9\n", "config.ini:2: the line is not UTF-8; save the file as UTF-8"},
		{"utf-16", "\xff\xfe[\x00s\x00]\x00\n", "config.ini:1: the line is not UTF-8; save the file as UTF-8"},
		{"carriage return", "[s]\rk = v\r", "config.ini:1: the line has a carriage return before its end; end lines with a line feed, or with both"},
		{"mark before a comment", "\ufeff# c\n", "config.ini:1: the file starts with a byte-order mark; save it as UTF-8 without one"},
		{"indented header", "[s]\nk = v\n [t]\n", "config.ini:3: " + indented},
		{"more than a reference", "[s]\nk = ${HOME}/x\n", "config.ini:2: [(not shown)] (not shown): " + reference},
		{"bad name", "[s]\nk = ${A-B}\n", "config.ini:2: [(not shown)] (not shown): " + reference},
		{"open reference", "[s]\nk = ${HOME\n", "config.ini:2: [(not shown)] (not shown): " + reference},
		{"long section", "[" + strings.Repeat("s", 256) + "]\n", "config.ini:1: a section name of 256 bytes; at most 255 are accepted"},
		{"long key", "[s]\n" + strings.Repeat("k", 256) + "=\n", "config.ini:2: a key of 256 bytes; at most 255 are accepted"},
		{"many keys", many, "config.ini:1002: more than 1000 keys; is this a configuration of tstat_send?"},
		{"many sections", sections, "config.ini:1001: more than 1000 sections; is this a configuration of tstat_send?"},
		{"large", "[s]\n#" + strings.Repeat("x", maxFile), "read configuration: config.ini is larger than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.text)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestLongestValue(t *testing.T) {
	value := strings.Repeat("v", maxFile-len("[s]\nk=\n"))
	f := mustLoad(t, "[s]\nk="+value+"\n")
	if f.values()["s"]["k"] != value {
		t.Error("a value that fills the file is not what was written")
	}
}

func TestUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.ini")
	if _, err := Load(path); err == nil || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	f := mustLoad(t, strings.Join([]string{
		"[RABBIT]", "host = h",
		"[rabbit] port = 5672",
		"password SECRET = ", "username = ${TSTAT_TEST_UNSET}", "vhost = ${TSTAT_TEST_UNSET:a:b}", "exchange = ''", "password = 'x'",
		"[rabbit_queue_options]", "SECRET = yes", "x-anything = 1",
		"[DEFAULT]", "x-other = 2", "secretsecret = 3", "path = /x", `vhost = "v"`,
	}, "\n"))
	const unknown = " the line has an unknown key and is ignored (the key is not shown: it may be a part of a value)"
	want := []string{
		"config.ini:3: what follows the header of section [rabbit] is ignored; move it to a line of its own",
		"config.ini:5: [rabbit] username: its environment variable is not set; set it: until then the value is the reference itself",
		"config.ini:6: [rabbit] vhost: the default contains a colon, and the text from that colon on is ignored; set the environment variable",
		`config.ini:1: unknown section [RABBIT] is ignored; the nearest known one is [rabbit]`,
		"config.ini:4: [rabbit]" + unknown,
		"config.ini:10: [rabbit_queue_options]" + unknown,
		"config.ini:14: [DEFAULT]" + unknown,
		"config.ini:7: [rabbit] exchange: the quotes are part of the value; remove them unless they are meant",
		"config.ini:16: [DEFAULT] vhost: the quotes are part of the value; remove them unless they are meant",
	}
	if diff := cmp.Diff(want, warnings(f)); diff != "" {
		t.Error("- want, + got:\n" + diff)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"port", "port", 0}} {
		if got := distance(test.a, test.b); got != test.want || distance(test.b, test.a) != got {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// TestSlipsAreErrors: an ignored misspelling of use_ssl would leave encryption off.
func TestSlipsAreErrors(t *testing.T) {
	for line, want := range map[string]string{
		"use_tls = yes": `unknown key "use_tls"; is use_ssl meant?`, "user = u": `unknown key "user"; is username meant?`,
		"virtual_host = v": `unknown key "virtual_host"; is vhost meant?`, "hosts = a": `unknown key "hosts"; is host meant?`,
		"usernme = u": `unknown key "usernme"; is username meant?`, "pasword = p": `unknown key "pasword"; is password meant?`,
	} {
		_, err := load(t, "[rabbit]\nhost = h\n"+line+"\n")
		if err == nil || !strings.HasPrefix(err.Error(), "config.ini:3: [rabbit] "+want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestSecretInTheWrongPlace: no message shows a secret that was written where a key or
// another value belongs.
func TestSecretInTheWrongPlace(t *testing.T) {
	for _, text := range []string{
		"[rabbit]\nhost = h\nport = 1\npassword hunter22=\n",
		"[rabbit]\nhost = h\nport = 1\npassword = x\nhunter22==\n",
		"[rabbit]\nhost = h\nport = 1\npassword = x\n hunter22==\n",
		"[rabbit]\nhost = h\nport = 1\nhunter22 = 1\nhunter22 = 2\n",
		"[rabbit]\nhost = h\nport = 1\nhunter22 = 1\n  more\n",
		"[rabbit]\nhost = h\nport = 1\nhunter22 = 'a'\n",
		"[rabbit]\nhost = h\nport = 1\nhunter22 = ${A-B}\n",
		"[rabbit]\nhost = h\nport = hunter22\n",
		"[http]\nurl = hxxp://h/?token=hunter22\n",
		"[http]\nurl = http://h:port/?token=hunter22\n",
		"[hunter22]\nk = ${A-B}\n",
		"[hunter22]\nk = ${TSTAT_TEST_UNSET}\n",
		"[hunter22]\nk = ${TSTAT_TEST_UNSET:a:b}\n",
	} {
		f, err := load(t, text)
		said := ""
		if err == nil {
			_, rabbit := f.Rabbit()
			_, http := f.HTTP()
			err = errors.Join(rabbit, http)
			said = strings.Join(f.Warnings(), "\n")
		}
		if said += fmt.Sprint(err); strings.Contains(said, "hunter22") {
			t.Errorf("%q: %s", text, said)
		}
	}
}
