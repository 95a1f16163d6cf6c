package logdir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"
	"strings"
)

// fingerprintLen is how many bytes a fingerprint covers at most. It covers more than the
// header, which is the same in every log and below 4 KiB: the rows differ between logs.
const fingerprintLen = 64 << 10

// fingerprint returns LENGTH:HASH: the number of bytes hashed, and the first 16 bytes of
// their SHA-256. head is the start of an uncompressed log. Since the fingerprint has its
// length, it still matches when the log has grown. It ends in front of the first zero byte,
// since data may still arrive there.
func fingerprint(head []byte) string {
	if zero := bytes.IndexByte(head, 0); zero >= 0 {
		head = head[:zero]
	}
	sum := sha256.Sum256(head)
	return strconv.Itoa(len(head)) + ":" + hex.EncodeToString(sum[:16])
}

// Fingerprinter computes the fingerprint of a log from its uncompressed bytes, which must
// be written to it in order from the start. It keeps up to 64 KiB. The zero value is ready
// to use.
type Fingerprinter struct{ head []byte }

// Write takes the next bytes; it never fails.
func (p *Fingerprinter) Write(b []byte) (int, error) {
	if room := fingerprintLen - len(p.head); room > 0 {
		p.head = append(p.head, b[:min(len(b), room)]...)
	}
	return len(b), nil
}

// At returns the fingerprint of the bytes up to end, or of all bytes written so far.
func (p *Fingerprinter) At(end int64) string {
	return fingerprint(p.head[:min(int64(len(p.head)), end)])
}

// matches reports whether the log that r reads has the fingerprint want, and returns the
// number of bytes that the fingerprint covers. A shorter log does not match, and nothing
// matches a malformed fingerprint.
func matches(r io.Reader, want string) (covered int64, same bool, err error) {
	digits, _, _ := strings.Cut(want, ":")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > fingerprintLen {
		return 0, false, nil //nolint:nilerr // malformed
	}
	head := make([]byte, n)
	switch _, err := io.ReadFull(r, head); {
	case atEnd(err):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	}
	return int64(n), fingerprint(head) == want, nil
}
