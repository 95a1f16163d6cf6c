package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Host is a server's name or address, without brackets, and its port.
type Host struct {
	Name string
	Port uint16
}

// String returns host:port, an IPv6 address in brackets, as net.Dial takes it.
func (h Host) String() string { return net.JoinHostPort(h.Name, strconv.Itoa(int(h.Port))) }

const wantHosts = "host names or addresses separated by commas, each with an optional :port, an IPv6 address with a port in brackets"

// hosts reads a list of servers. A host without a port of its own gets fallback,
// which may be 0.
func (s *section) hosts(fallback uint16) []Host {
	e, ok := s.get("host")
	if !ok || e.text.Reveal() == "" {
		s.missing("host", "the server's name or address")
		return nil
	}
	var hosts []Host
	for item := range strings.SplitSeq(e.text.Reveal(), ",") {
		host, ok := parseHost(strings.TrimFunc(item, isSpace))
		if !ok {
			s.wrong(e, wantHosts)
			return nil
		}
		if host.Port == 0 {
			host.Port = fallback
		}
		hosts = append(hosts, host)
	}
	return hosts
}

// parseHost parses name, name:port, an IPv6 address, [address] and
// [address]:port. The port is 0 if text has none.
func parseHost(text string) (Host, bool) {
	if isIPv6(text) {
		return Host{Name: text}, true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		address, rest, closed := strings.Cut(inner, "]")
		if !closed || !isIPv6(address) {
			return Host{}, false
		}
		return withPort(address, rest)
	}
	host, rest := text, ""
	if at := strings.IndexByte(text, ':'); at >= 0 {
		host, rest = text[:at], text[at:]
	}
	if !isHostName(host) {
		return Host{}, false
	}
	return withPort(host, rest)
}

func withPort(host, rest string) (Host, bool) {
	if rest == "" {
		return Host{Name: host}, true
	}
	digits, ok := strings.CutPrefix(rest, ":")
	if !ok {
		return Host{}, false
	}
	port, ok := parsePort(digits)
	return Host{Name: host, Port: port}, ok
}

func isIPv6(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.Is6()
}

// isHostName reports whether text can be a host name or an IPv4 address. A name may
// have underscores, as in container networks.
func isHostName(text string) bool {
	return text != "" && len(text) <= 253 && !strings.ContainsFunc(text, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}
