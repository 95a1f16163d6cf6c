package config

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"tstat-transport/internal/privacy"
)

const privacySection = "privacy"

// Privacy returns the policy in the section [privacy], whose keys may also be in [DEFAULT].
// If mode, from a flag, is not empty, it replaces the value of anonymize. If neither is set,
// no address is replaced.
func (f *File) Privacy(mode string) (*privacy.Policy, error) {
	s := f.section(privacySection)
	p := &privacy.Policy{
		Mode: privacy.Mode(s.choice("anonymize", privacyModes...)),
		IPv4: s.bits("ipv4_prefix", defaultIPv4Prefix, 32), IPv6: s.bits("ipv6_prefix", defaultIPv6Prefix, 128),
		Networks: s.networks("networks"), Except: s.networks("except"),
	}
	if mode != "" {
		p.Mode = privacy.Mode(mode)
	}
	if p.Mode == privacy.CryptoPAn {
		p.Key = s.key()
	}
	if err := s.err(); err != nil {
		return nil, err
	}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("%s: [%s] %w", f.path, privacySection, err)
	}
	return p, nil
}

// DefaultPrivacy returns the policy for the mode of a flag when no file is read.
func DefaultPrivacy(mode string) (*privacy.Policy, error) {
	p := &privacy.Policy{Mode: privacy.Mode(mode), IPv4: defaultIPv4Prefix, IPv6: defaultIPv6Prefix}
	if p.Mode == privacy.CryptoPAn {
		return nil, errors.New("--anonymize cryptopan needs a configuration with key_file in its section [privacy]: give --config")
	}
	return p, nil
}

// bits reads the length of a prefix.
func (s *section) bits(key string, fallback, most int) int {
	e, ok := s.get(key)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(strings.TrimPrefix(e.text.Reveal(), "/"))
	if err != nil || n < 0 || n > most {
		s.wrong(e, fmt.Sprintf("a prefix length from 0 to %d", most))
	}
	return n
}

// networks reads networks such as 10.0.0.0/8, separated by commas.
func (s *section) networks(key string) (list []netip.Prefix) {
	e, ok := s.get(key)
	if !ok || e.text.Reveal() == "" {
		return nil
	}
	for text := range strings.SplitSeq(e.text.Reveal(), ",") {
		n, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil || n != n.Masked() {
			s.wrong(e, "networks such as 192.0.2.0/24 or 2001:db8::/32, separated by commas, with no bit set after the prefix")
			return nil
		}
		list = append(list, n)
	}
	return list
}

// key reads the key for Crypto-PAn from a file: 32 bytes, or their 64 hexadecimal
// digits on one line.
func (s *section) key() []byte {
	e, _ := s.get("key_file")
	path := e.text.Reveal()
	if path == "" {
		s.missing("key_file", "a file of 32 random bytes, made with: head -c 32 /dev/urandom > FILE; chmod 600 FILE")
		return nil
	}
	data, mode, err := readFile(path, maxSecret)
	if err != nil {
		s.unreadable("key_file", err)
		return nil
	}
	text := withoutNewline(string(data))
	if strings.Trim(text, "0123456789abcdefABCDEF") == "" {
		// 32 digits are half of a key that was cut, not the 32 bytes of a key.
		if data, err = hex.DecodeString(text); err != nil {
			data = nil
		}
	}
	// A crash can leave zero bytes in a file that was new.
	if len(data) != privacy.KeySize || bytes.Count(data, []byte{0}) == len(data) {
		s.reject(e, fmt.Errorf("%s holds no key: want %d bytes, or their hexadecimal digits", path, privacy.KeySize))
		return nil
	}
	if othersCanRead(mode) {
		s.file.warn("%s holds a key and others can read it (mode %04o); chmod o-r it", path, mode.Perm())
	}
	return data
}
