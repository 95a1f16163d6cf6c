package workers

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"unicode/utf8"
)

// maxID is the longest message id that fits into AMQP's short string.
const maxID = 255

// names is what is the same in the ids of a log's messages:
// SENSOR/INSTANCE/DIRECTORY/LOG.
type names string

// id names the message of the rows in a byte range of the uncompressed log.
func (n names) id(from, to int64) string {
	b := make([]byte, 0, len(n)+2*20)
	b = append(b, n...)
	b = append(b, '@')
	b = strconv.AppendInt(b, from, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, to, 10)
	return bounded(b)
}

// part names a half of a message that was too large for the broker.
func part(id string, n int) string {
	return bounded(append([]byte(id), '.', byte('0'+n)))
}

// bounded replaces what is too long, or not UTF-8, by its hash.
func bounded(id []byte) string {
	if len(id) <= maxID && utf8.Valid(id) {
		return string(id)
	}
	sum := sha256.Sum256(id)
	return hex.EncodeToString(sum[:])
}
