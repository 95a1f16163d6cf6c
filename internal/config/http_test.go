package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHTTP(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       HTTP
	}{
		{"url", "url = http://h:8080/a?b=c", HTTP{URL: "http://h:8080/a?b=c"}},
		{"host", "host = h", HTTP{URL: "http://h/"}},
		{"parts", "host = ::1\nport = 8080\npath = /a/b", HTTP{URL: "http://[::1]:8080/a/b"}},
		{"path without slash", "host = h:81\npath = a", HTTP{URL: "http://h:81/a"}},
		{"tls", "host = h\nuse_ssl = on", HTTP{URL: "https://h/", TLS: TLS{ServerHostname: "other"}}},
		{"basic", "url = http://h\nusername = u\npassword = p", HTTP{URL: "http://h", Username: "u", Password: NewSecret("p")}},
		{"bearer", "url = http://h\ntoken = t", HTTP{URL: "http://h", Token: NewSecret("t")}},
		{"rest", "url = http://h\ntimeout = 5\ncompression = gzip", HTTP{URL: "http://h", Timeout: 5 * time.Second, Compression: "gzip"}},
		{"no compression", "url = http://h\ncompression = none", HTTP{URL: "http://h"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := mustLoad(t, "[http]\n"+test.text+"\n[ssl_options]\nserver_hostname = other\n")
			got, err := f.HTTP()
			if err != nil {
				t.Fatal(err)
			}
			if test.want.Timeout == 0 {
				test.want.Timeout = 30 * time.Second
			}
			got.TLS.path = ""
			if diff := cmp.Diff(test.want, got, compare); diff != "" {
				t.Error("- want, + got:\n" + diff)
			}
			ignored := anyContains(warnings(f), "[ssl_options] is ignored, since [http] does not use TLS")
			if ignored == strings.HasPrefix(got.URL, "https") {
				t.Errorf("warnings: %q", warnings(f))
			}
		})
	}
}

func TestHTTPErrors(t *testing.T) {
	const address = "want an address such as https://host:port/path, without a user, a password or a #"
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "config.ini: [http] has no url; set it to where to send messages, or set host"},
		{"scheme", "url = ftp://h", `config.ini:2: [http] url: ` + address},
		{"relative", "url = /x", `config.ini:2: [http] url: ` + address},
		{"fragment", "url = http://h/#x", `config.ini:2: [http] url: ` + address},
		{"port", "url = http://h:65536", `config.ini:2: [http] url: ` + address},
		{"password in it", "url = http://u:hunter2@h/", "config.ini:2: [http] url: " + address},
		{"two ways", "url = http://h\nport = 1", `config.ini:3: [http] port: want either url, or host, port, path and use_ssl`},
		{"two hosts", "host = a,b", `config.ini:2: [http] host: want one host`},
		{"path", "host = h\npath = /a#b", `config.ini:3: [http] path: ` + address},
		{"both", "url = http://h\nusername = u\npassword = p\ntoken = t", "config.ini: [http] has both a username and a token (TSTAT_HTTP_TOKEN counts); keep one of them"},
		{"no user", "url = http://h\npassword = p", "config.ini: [http] has no username; set it to the user who has the password"},
		{"no password", "url = http://h\nusername = u", "config.ini: [http] has no password; set it to the password of u, or set password_file or TSTAT_HTTP_PASSWORD in the environment"},
		{"compression", "url = http://h\ncompression = zstd", `config.ini:3: [http] compression: want none or gzip`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := mustLoad(t, "[http]\n"+test.text)
			_, err := f.HTTP()
			if err == nil {
				err = errors.New("no error")
			}
			if got := shorten(err.Error(), f.path); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	if _, err := mustLoad(t, "").HTTP(); err == nil || !strings.HasSuffix(err.Error(), "there is no section [http]; add it with at least url") {
		t.Errorf("no section: %v", err)
	}
}
