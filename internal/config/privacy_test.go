package config

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/privacy"
)

func TestPrivacy(t *testing.T) {
	key := bytes.Repeat([]byte{1, 2, 3, 255}, privacy.KeySize/4)
	dir := t.TempDir()
	write := func(name string, content []byte, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	raw := write("raw", key, 0o600)
	digits := write("digits", []byte(hex.EncodeToString(key)+"\n"), 0o600)
	open := write("open", key, 0o644)
	short := write("short", key[:31], 0o600)
	load := func(text, mode string) (*File, *privacy.Policy, error) {
		t.Helper()
		f, err := Load(write("config.ini", []byte(text), 0o600))
		if err != nil {
			return nil, nil, err
		}
		p, err := f.Privacy(mode)
		return f, p, err
	}
	for _, c := range []struct{ text, flag, want string }{
		{"[rabbit]\n", "", ""},
		{"[rabbit]\n", "truncate", "truncate /24 /48"},
		{"[privacy]\n", "", ""},
		{"[privacy]\nanonymize = truncate\n", "", "truncate /24 /48"},
		{"[privacy]\nanonymize = truncate\n", "none", ""},
		{"[privacy]\nanonymize = Truncate\nipv4_prefix = 16\nipv6_prefix = /32\n", "", "truncate /16 /32"},
		{"[privacy]\nanonymize = truncate\nnetworks = 10.0.0.0/8, fd00::/8\n", "", "truncate /24 /48 networks 10.0.0.0/8 fd00::/8"},
		{"[privacy]\nanonymize = truncate\nexcept = 10.0.0.0/8\n", "", "truncate /24 /48 except 10.0.0.0/8"},
	} {
		if _, p, err := load(c.text, c.flag); err != nil || p.String() != c.want {
			t.Errorf("%q, --anonymize %q: %q, %v; want %q", c.text, c.flag, p, err, c.want)
		}
	}
	for _, path := range []string{raw, digits} {
		f, p, err := load("[privacy]\nanonymize = cryptopan\nkey_file = "+path+"\n", "")
		if err != nil || !bytes.Equal(p.Key, key) || len(f.Warnings()) > 0 {
			t.Errorf("%s: %v, warnings %q", path, err, f.Warnings())
		}
	}
	if f, _, err := load("[privacy]\nkey_file = "+open+"\n", "cryptopan"); err != nil || !strings.Contains(strings.Join(f.Warnings(), " "), "others can read it") {
		t.Errorf("a key that others can read: %v", err)
	}
	for name, key := range map[string]string{
		"half of the digits": strings.Repeat("a1", 16), "more digits": strings.Repeat("a1", 32) + "a", "zeros": strings.Repeat("\x00", 32),
	} {
		path := write("bad.key", []byte(key), 0o600)
		if _, _, err := load("[privacy]\nanonymize = cryptopan\nkey_file = "+path+"\n", ""); err == nil || !strings.Contains(err.Error(), "holds no key") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"[privacy]\nanonymize = hash\n", "none, truncate or cryptopan"},
		{"[privacy]\nanonymize = cryptopan\n", "has no key_file"},
		{"[privacy]\nanonymize = cryptopan\nkey_file = " + short + "\n", "holds no key: want 32 bytes"},
		{"[privacy]\nanonymize = cryptopan\nkey_file = " + dir + "/none\n", "no such file"},
		{"[privacy]\nipv4_prefix = 33\n", "from 0 to 32"},
		{"[privacy]\nnetworks = 10.0.0.1/8\n", "no bit set after the prefix"},
		{"[privacy]\nnetworks = 10.0.0.0/8\nexcept = fd00::/8\n", "not both"},
		{"[privacy]\nanonymise = truncate\n", "is anonymize meant"},
		{"[privacy]\nsalt = x\n", "unknown key"},
		{"[privcy]\nanonymize = truncate\n", "is [privacy] meant"},
	} {
		if _, _, err := load(c.text, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}
