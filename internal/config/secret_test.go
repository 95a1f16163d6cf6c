package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gojson "github.com/goccy/go-json"
)

// canary is the secret of these tests.
const canary = "hunter2_tstat"

func TestSecretSources(t *testing.T) {
	file := write(t, "password", "from file\r\n")
	const rabbit = "[rabbit]\nhost = h\nport = 1\nqueue = q\nusername = u\n"
	for _, test := range []struct{ name, text, variable, want string }{
		{"key", "password = in ini", "", "in ini"},
		{"file before key", "password = in ini\npassword_file = " + file, "", "from file"},
		{"environment before file", "password = in ini\npassword_file = " + file, "from env", "from env"},
		{"environment before a file that is missing", "password_file = /nowhere", "from env", "from env"},
		{"environment alone", "", "from env\n", "from env"},
		{"reference", "password = ${TSTAT_RABBIT_OTHER:x}", "", "other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TSTAT_RABBIT_OTHER", "other")
			t.Setenv("TSTAT_RABBIT_PASSWORD", test.variable)
			r, err := mustLoad(t, rabbit+test.text).Rabbit()
			if err != nil {
				t.Fatal(err)
			}
			if r.Password.Reveal() != test.want {
				t.Errorf("password %q, want %q", r.Password.Reveal(), test.want)
			}
		})
	}
}

func TestHTTPSecretsFromEnvironment(t *testing.T) {
	t.Setenv("TSTAT_HTTP_TOKEN", "t")
	h, err := mustLoad(t, "[http]\nurl = http://h\ntoken_file = /nowhere\n").HTTP()
	if err != nil || h.Token.Reveal() != "t" {
		t.Errorf("token %q, %v", h.Token.Reveal(), err)
	}
	t.Setenv("TSTAT_HTTP_TOKEN", "")
	t.Setenv("TSTAT_HTTP_PASSWORD", "p")
	h, err = mustLoad(t, "[http]\nurl = http://h\nusername = u\n").HTTP()
	if err != nil || h.Password.Reveal() != "p" {
		t.Errorf("password %q, %v", h.Password.Reveal(), err)
	}
}

func TestSecretFileErrors(t *testing.T) {
	for _, test := range []struct{ name, content, want string }{
		{"empty", "\n", "is empty; write the secret into it, on one line"},
		{"lines", canary + "\nmore\n", "holds more than one line; keep the secret alone, on one line"},
		{"large", strings.Repeat("x", maxSecret+1), "is larger than 65536 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, "secret", test.content)
			f := mustLoad(t, "[rabbit]\nhost = h\nport = 1\nqueue = q\nusername = u\npassword = "+canary+"\npassword_file = "+path)
			_, err := f.Rabbit()
			want := "config.ini:7: [rabbit] password_file: " + path + " " + test.want
			if err == nil || shorten(err.Error(), f.path) != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
	f := mustLoad(t, "[http]\nurl = http://h\ntoken_file = /nowhere/token")
	if _, err := f.HTTP(); err == nil ||
		shorten(err.Error(), f.path) != "config.ini:3: [http] token_file: open the file that it names: no such file or directory" {
		t.Errorf("missing: %v", err)
	}
}

func TestReadableByOthers(t *testing.T) {
	const rabbit = "[rabbit]\nhost = h\nport = 1\nqueue = q\n"
	for _, test := range []struct {
		name, text string
		mode       os.FileMode
		warned     bool
	}{
		{"password, owner", "password = p", 0o600, false},
		{"password, group", "password = p", 0o640, false},
		{"password, others", "password = p", 0o604, true},
		{"password, writable only", "password = p", 0o622, false},
		{"token elsewhere", "[http]\ntoken = t", 0o644, true},
		{"empty", "password =", 0o644, false},
		{"none", "", 0o644, false},
		{"from the environment", "password = ${TSTAT_TEST_SET:x}", 0o644, false},
		{"default", "password = ${TSTAT_TEST_UNSET:x}", 0o644, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TSTAT_TEST_SET", "s")
			path := write(t, "config.ini", rabbit+test.text)
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			f, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("config.ini holds a password or token and others can read it (mode %04o); chmod o-r it", test.mode)
			if got := anyContains(warnings(f), want); got != test.warned || !got && len(f.Warnings()) > 0 {
				t.Errorf("warnings: %q", f.Warnings())
			}
		})
	}
	file := write(t, "password", "p\n")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	f := mustLoad(t, rabbit+"password_file = "+file)
	for range 2 {
		if _, err := f.Rabbit(); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.Warnings(); len(got) != 1 || got[0] != file+" holds a secret and others can read it (mode 0644); chmod o-r it" {
		t.Errorf("warnings: %q", got)
	}
}

// TestSecretIsNeverShown prints, logs and encodes every type that holds a secret.
func TestSecretIsNeverShown(t *testing.T) {
	f := mustLoad(t, "[rabbit]\nhost = h\nport = 1\nqueue = q\nusername = u\npassword_file = "+write(t, "password", canary)+
		"\n[http]\nurl = http://h\ntoken = "+canary+"\n")
	r, err := f.Rabbit()
	if err != nil {
		t.Fatal(err)
	}
	h, err := f.HTTP()
	if err != nil {
		t.Fatal(err)
	}
	if r.Password.Reveal() != canary || r.PasswordFile == nil || h.Token.Reveal() != canary {
		t.Fatal("the secret is not there to be shown")
	}
	private := struct{ secret Secret }{r.Password}
	for _, v := range []any{r.Password, &r.Password, r.PasswordFile, r, &r, h, *f, f, private, &private, []Secret{r.Password}, map[string]Secret{"k": r.Password}} {
		var shown bytes.Buffer
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			_, _ = fmt.Fprintf(&shown, format+"\n", v)
		}
		for _, marshal := range []func(any) ([]byte, error){json.Marshal, gojson.Marshal} {
			data, err := marshal(v)
			if err != nil {
				t.Errorf("%T: %v", v, err)
			}
			shown.Write(data)
		}
		slog.New(slog.NewTextHandler(&shown, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("m", "v", v)
		hexes := []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary))}
		for _, form := range hexes {
			if strings.Contains(shown.String(), form) {
				t.Errorf("%T shows the secret:\n%s", v, shown.String())
			}
		}
	}
	if got := fmt.Sprintf("%v %s %#v", r.Password, r.Password, r.Password); got != "(hidden) (hidden) (hidden)" {
		t.Error(got)
	}
	if (Secret{}).Reveal() != "" {
		t.Error("the zero value is not empty")
	}
}

// TestErrorsHoldNoSecret provokes errors in lines that hold the secret.
func TestErrorsHoldNoSecret(t *testing.T) {
	failures := 0
	for _, lines := range []string{
		"password " + canary, " = " + canary, "password = ${" + canary + "}", "password = ${X:a:" + canary + "}",
		"password = ${X" + canary, "password = a\n  " + canary, "password = " + canary + "\npassword = " + canary,
		"password = " + canary + "\xff", "password = " + canary + "\rx", "password = '" + canary + "'", "[" + canary,
		"password = " + canary + "\nport = x", "url = http://u:" + canary + "@h\nport = x", "host = u:" + canary + "@h",
		"username = u\npassword = " + canary + "\npassword_file = /nowhere", "token = " + canary + "\nusername = u\npassword = p",
		"path = //u:" + canary + "@h", "[" + canary + "]\nhost = h", "[" + canary + "]\n[" + canary + "]", "[" + canary + "] x",
		"username = u\npassword_file = " + canary, "token_file = " + canary, "[ssl_options]\nciphers = " + canary,
	} {
		for _, text := range []string{
			"[rabbit]\nhost = h\nqueue = q\n" + lines + "\n", "[http]\n" + lines + "\n",
			lines + "\n", "[DEFAULT]\n" + lines + "\n[rabbit]\n[http]\n",
		} {
			path := filepath.Join(t.TempDir(), "c.ini")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := Load(path)
			errs := []error{err}
			said := ""
			if err == nil {
				_, rabbit := f.Rabbit()
				_, http := f.HTTP()
				errs = []error{rabbit, http}
				said = strings.Join(f.Warnings(), "\n")
			}
			for _, err := range errs {
				if err != nil {
					failures++
					said += err.Error()
				}
			}
			if strings.Contains(said, canary) {
				t.Errorf("%q: %s", text, said)
			}
		}
	}
	if failures < 40 {
		t.Errorf("only %d errors were provoked", failures)
	}
}

// TestByteOrderMarkBeforeASecret: editors on Windows may write a byte-order mark. With it
// the broker would refuse the password, and the mark is invisible.
func TestByteOrderMarkBeforeASecret(t *testing.T) {
	const rabbit = "[rabbit]\nhost = h\nport = 1\nqueue = q\n"
	refuses := func(text, want string) {
		t.Helper()
		_, err := mustLoad(t, text).Rabbit()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Error(err)
		}
	}
	file := write(t, "password", "\ufeff"+canary+"\n")
	refuses(rabbit+"password_file = "+file, file+" starts with a byte-order mark")
	t.Setenv("TSTAT_RABBIT_PASSWORD", "\ufeff"+canary)
	refuses(rabbit, "TSTAT_RABBIT_PASSWORD starts with a byte-order mark")
}

// TestSecretFile: Read reads the file again. If the file cannot be read, Read returns the
// last secret.
func TestSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("first\n")
	r, err := mustLoad(t, "[rabbit]\nhost = h\nport = 1\nqueue = q\nusername = u\npassword_file = "+path+"\n").Rabbit()
	if err != nil || r.PasswordFile == nil {
		t.Fatalf("password file %v, error %v", r.PasswordFile, err)
	}
	read := func(want, problem string) {
		t.Helper()
		got, err := r.PasswordFile.Read()
		if got.Reveal() != want {
			t.Errorf("read %q, want %q", got.Reveal(), want)
		}
		if problem == "" && err != nil || problem != "" && (err == nil || !strings.Contains(err.Error(), problem)) {
			t.Errorf("error %v, want %q", err, problem)
		}
	}
	read("first", "")
	put("second\n")
	read("second", "")
	put("")
	read("second", "is empty")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	read("second", "no such file")
}
