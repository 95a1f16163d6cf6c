package config

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// HTTP holds the sections [http] and [ssl_options].
type HTTP struct {
	// URL has the scheme http or https, and no user.
	URL string
	// Username and Password are for basic authentication. Both may be empty.
	Username string
	Password Secret
	// Token is for bearer authentication. It may be empty. If Username is set, it is
	// empty.
	Token Secret
	// Timeout bounds one request.
	Timeout time.Duration
	// Compression of request bodies: empty for none, or gzip.
	Compression string
	// TLS is the zero TLS if the URL has the scheme http.
	TLS TLS
}

// HTTP returns the settings of the http transport.
func (f *File) HTTP() (HTTP, error) {
	s, err := f.required("http", "at least url")
	if err != nil {
		return HTTP{}, err
	}
	h := HTTP{
		URL:         s.url(),
		Username:    s.text("username", ""),
		Timeout:     s.duration("timeout", defaultHTTPTimeout, longest),
		Compression: s.compression(httpCodings...),
	}
	h.Password, _ = s.secret("password", "TSTAT_HTTP_PASSWORD")
	h.Token, _ = s.secret("token", "TSTAT_HTTP_TOKEN")
	if len(s.errs) == 0 {
		s.authorization(h)
	}
	h.TLS = s.tls(strings.HasPrefix(h.URL, "https:"))
	return h, s.err()
}

// authorization adds an error unless h has a user with a password, or a token, or no
// credentials at all.
func (s *section) authorization(h HTTP) {
	switch {
	case h.Username != "" && h.Token.Reveal() != "":
		s.errs = append(s.errs, fmt.Errorf("%s: [%s] has both a username and a token (TSTAT_HTTP_TOKEN counts); keep one of them",
			s.file.path, s.name))
	case h.Username == "" && h.Password.Reveal() != "":
		s.missing("username", "the user who has the password")
	case h.Username != "" && h.Password.Reveal() == "":
		s.missing("password", "the password of "+h.Username+", or set password_file or TSTAT_HTTP_PASSWORD in the environment")
	}
}

// url returns the value of url, or a URL made of host, port, path and use_ssl.
func (s *section) url() string {
	e, ok := s.get("url")
	if !ok || e.text.Reveal() == "" {
		return s.urlOfParts()
	}
	for _, key := range []string{"host", "port", "path", "use_ssl"} {
		// A key of [DEFAULT] may be meant for other sections.
		if part, ok := s.get(key); ok && part.section == s.name {
			s.wrong(part, "either url, or host, port, path and use_ssl")
		}
	}
	return s.checkedURL(e, e.text.Reveal())
}

func (s *section) urlOfParts() string {
	scheme, port := "http", s.port()
	if s.boolean("use_ssl", defaultUseSSL) {
		scheme = "https"
	}
	source, ok := s.get("host")
	if !ok {
		s.missing("url", "where to send messages, or set host")
		return ""
	}
	hosts := s.hosts(port)
	if len(hosts) > 1 {
		s.wrong(source, "one host")
	}
	if len(hosts) != 1 {
		return ""
	}
	authority := hosts[0].String()
	if hosts[0].Port == 0 {
		authority = strings.TrimSuffix(authority, ":0")
	}
	path, ok := s.get("path")
	if ok {
		source = path
	}
	return s.checkedURL(source, scheme+"://"+authority+"/"+strings.TrimPrefix(path.text.Reveal(), "/"))
}

// checkedURL returns text as net/url writes it, if text is the URL of a server. Otherwise
// it adds an error of e, the entry that text comes from.
func (s *section) checkedURL(e entry, text string) string {
	u, err := url.Parse(text)
	valid := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
	if valid && u.Port() != "" {
		port, err := strconv.Atoi(u.Port())
		valid = err == nil && port >= 1 && port <= 65535
	}
	if !valid {
		s.wrong(e, "an address such as https://host:port/path, without a user, a password or a #")
		return ""
	}
	return u.String()
}
