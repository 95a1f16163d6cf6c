package config

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"tstat-transport/internal/privacy"
)

// loadPrivacy loads a file that holds text, and returns the policy for the mode of the flag.
func loadPrivacy(t *testing.T, text, mode string) (*File, *privacy.Policy, error) {
	t.Helper()
	f, err := load(t, text)
	if err != nil {
		return nil, nil, err
	}
	p, err := f.Privacy(mode)
	return f, p, err
}

func TestPrivacy(t *testing.T) {
	for _, c := range []struct{ text, flag, want string }{
		{"[rabbit]\n", "", ""},
		{"[rabbit]\n", "truncate", "truncate /24 /48"},
		{"[privacy]\n", "", ""},
		{"[privacy]\nanonymize = truncate\n", "", "truncate /24 /48"},
		{"[DEFAULT]\nanonymize = truncate\n", "", "truncate /24 /48"},
		{"[privacy]\nanonymize = truncate\n", "none", ""},
		{"[privacy]\nanonymize = Truncate\nipv4_prefix = 16\nipv6_prefix = /32\n", "", "truncate /16 /32"},
		{"[privacy]\nanonymize = truncate\nnetworks = 10.0.0.0/8, fd00::/8\n", "", "truncate /24 /48 networks 10.0.0.0/8 fd00::/8"},
		{"[privacy]\nanonymize = truncate\nexcept = 10.0.0.0/8\n", "", "truncate /24 /48 except 10.0.0.0/8"},
	} {
		if _, p, err := loadPrivacy(t, c.text, c.flag); err != nil || p.String() != c.want {
			t.Errorf("%q, --anonymize %q: %q, %v; want %q", c.text, c.flag, p, err, c.want)
		}
	}
}

func TestPrivacyKey(t *testing.T) {
	key := strings.Repeat("\x01\x02\x03\xff", privacy.KeySize/4)
	for _, content := range []string{key, hex.EncodeToString([]byte(key)) + "\n"} {
		f, p, err := loadPrivacy(t, "[privacy]\nanonymize = cryptopan\nkey_file = "+write(t, "key", content)+"\n", "")
		if err != nil || string(p.Key) != key || len(f.Warnings()) > 0 {
			t.Errorf("%q: %v, warnings %q", content, err, f.Warnings())
		}
	}
	open := write(t, "key", key)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	f, _, err := loadPrivacy(t, "[privacy]\nkey_file = "+open+"\n", "cryptopan")
	if err != nil || !anyContains(f.Warnings(), "others can read it") {
		t.Errorf("a key that others can read: %v", err)
	}
	for name, content := range map[string]string{
		"half of the digits": strings.Repeat("a1", 16), "more digits": strings.Repeat("a1", 32) + "a",
		"zeros": strings.Repeat("\x00", 32), "half of the bytes": key[:16], "a byte less": key[:31],
	} {
		_, _, err := loadPrivacy(t, "[privacy]\nanonymize = cryptopan\nkey_file = "+write(t, "key", content)+"\n", "")
		if err == nil || !strings.Contains(err.Error(), "holds no key: want 32 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrivacyErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[privacy]\nanonymize = hash\n", "none, truncate or cryptopan"},
		{"[privacy]\nanonymize = cryptopan\n", "has no key_file"},
		{"[privacy]\nanonymize = cryptopan\nkey_file = /nowhere/key\n", "no such file"},
		{"[privacy]\nipv4_prefix = 33\n", "from 0 to 32"},
		{"[privacy]\nnetworks = 10.0.0.1/8\n", "no bit set after the prefix"},
		{"[privacy]\nnetworks = 10.0.0.0/8\nexcept = fd00::/8\n", "not both"},
		{"[privacy]\nanonymise = truncate\n", "is anonymize meant"},
		{"[privcy]\nanonymize = truncate\n", "is [privacy] meant"},
		{"[PRIVACY]\nanonymize = truncate\n", "is [privacy] meant"},
		{"[ privacy ]\nanonymize = truncate\n", "is [privacy] meant"},
		{"[rabbit]\nanonymize = truncate\n", "config.ini:2: anonymize is a key of [privacy]; move it there"},
		{"[default]\nanonymize = truncate\n", "config.ini:2: anonymize is a key of [privacy]; move it there"},
	} {
		if _, _, err := loadPrivacy(t, c.text, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	const want = "config.ini:2: [privacy] the line has an unknown key (not shown: it may be a part of a value); " +
		"the nearest of anonymize, ipv4_prefix, ipv6_prefix, networks, except, key_file is except"
	if _, err := load(t, "[privacy]\nsalt = x\n"); err == nil || err.Error() != want {
		t.Errorf("unknown key:\ngot  %v\nwant %s", err, want)
	}
}
