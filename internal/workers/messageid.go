package workers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strconv"
	"unicode/utf8"
)

// maxID is the length in bytes of the longest message id: AMQP sends the id as a short
// string.
const maxID = 255

// idPrefix is what the ids of all messages of a log begin with, before idOf may hash them:
// SENSOR/INSTANCE/DIRECTORY/LOG.
type idPrefix string

// id returns the id of a message with the rows between two offsets in the
// uncompressed log. A message that is sent again has the same body, and so the same
// id. Another log may later have the same path, for example after Tstat is restarted
// within a minute; the checksum of the body tells the messages of both logs apart.
func (p idPrefix) id(from, to int64, body []byte) string {
	b := make([]byte, 0, len(p)+len("@-~")+2*20+8)
	b = append(b, p...)
	b = append(b, '@')
	b = strconv.AppendInt(b, from, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, to, 10)
	return idOf(fmt.Appendf(b, "~%08x", crc32.ChecksumIEEE(body)))
}

// halfID returns the id of the n-th half of a message that was too large for the
// receiver.
func halfID(id string, n int) string {
	return idOf(append([]byte(id), '.', byte('0'+n)))
}

// idOf returns text as an id, or the hash of text if text is too long or not UTF-8.
func idOf(text []byte) string {
	if len(text) <= maxID && utf8.Valid(text) {
		return string(text)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
