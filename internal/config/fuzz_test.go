package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: a file is refused, or each value is the text after the delimiter of its key
// in its line, unless that text is a reference. No method panics, and errors and warnings
// are bounded.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "config", "cases.json"))
	if err != nil {
		f.Fatal(err)
	}
	var cases map[string]string
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	for _, text := range cases {
		f.Add([]byte(text))
	}
	f.Add([]byte("[rabbit]\nhost = [::1]:1,a\nport = 2\nqueue = q\nuse_ssl = 1\nheartbeat = 1m\n[ssl_options]\nciphers = a:b\n" +
		"[rabbit_queue_options]\nx-max-length = 1\nx-a = true\n[http]\nurl = https://h:1/p?q\ntoken = t\n[file]\npath = p\n"))
	f.Add([]byte("[http]\nhost = h\npath = a%zz\nusername = u\npassword = p\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parse("c.ini", data)
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			return
		}
		lines := strings.Split(string(data), "\n")
		for _, e := range file.entries {
			line := strings.TrimFunc(lines[e.line-1], isSpace)
			if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "[") {
				t.Fatalf("line %d is read as a key: %q", e.line, line)
			}
			key, value := line, ""
			if at := strings.IndexAny(line, "=:"); at >= 0 {
				key, value = strings.TrimFunc(line[:at], isSpace), strings.TrimFunc(line[at+1:], isSpace)
			}
			if strings.ToLower(key) != e.key || value != e.text.Reveal() && !strings.HasPrefix(value, "${") {
				t.Fatalf("line %d, %q, is read as %q = %q", e.line, line, e.key, e.text.Reveal())
			}
		}
		_ = file.checkNames() // may be an error, but no panic
		file.checkQuotes()
		_, _ = file.Option("directory")
		if strings.Contains(strings.ToLower(string(data)), "_file") {
			return // Rabbit, HTTP and Privacy would open the file
		}
		_, rabbitErr := file.Rabbit()
		_, httpErr := file.HTTP()
		_, fileErr := file.FileTransport()
		_, privacyErr := file.Privacy("")
		for _, err := range []error{rabbitErr, httpErr, fileErr, privacyErr} {
			if err != nil && len(err.Error()) > 1000*maxKeys {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
		}
		if n := len(file.Warnings()); n > 10*(maxKeys+len(file.headers))+len(lines) {
			t.Errorf("%d warnings", n)
		}
	})
}

// FuzzRoundTrip writes one key in every style and reads it back.
func FuzzRoundTrip(f *testing.F) {
	f.Add("rabbit", "password", `"p#ss" ; %(x)s \`)
	f.Add(" a ]", "My Key", "a=b:c")
	f.Fuzz(func(t *testing.T, section, key, value string) {
		plain := func(s string) bool {
			return utf8.ValidString(s) && !strings.ContainsAny(s, "\r\n") && len(s) <= maxName
		}
		key, value = strings.TrimFunc(key, isSpace), strings.TrimFunc(value, isSpace)
		if !plain(section) || !plain(key) || !plain(value) || section == "" || section == defaultSection ||
			key == "" || strings.ContainsAny(key, "=:") || strings.ContainsAny(key[:1], "#;[") || strings.HasPrefix(value, "${") ||
			len(strings.ToLower(key)) > maxName {
			t.Skip()
		}
		for _, format := range []string{
			"[%[1]s]\n%[2]s = %[3]s\n",
			"[%[1]s]\r\n%[2]s:%[3]s\r\n",
			"# c\n\n [%[1]s] ; c\n  %[2]s\t=\t%[3]s",
			"[DEFAULT]\n%[2]s = other\n[%[1]s]\n%[2]s=%[3]s",
			"[DEFAULT]\n%[2]s: %[3]s\n[%[1]s]\n",
		} {
			text := fmt.Sprintf(format, section, key, value)
			file, err := parse("c.ini", []byte(text))
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if e, ok := file.lookup(section, strings.ToLower(key)); !ok || e.text.Reveal() != value {
				t.Fatalf("%q is read as %q", text, file.values())
			}
		}
	})
}
