package transport

import "github.com/klauspost/compress/s2"

// Packed is the Encoding of a body from Pack. The transport sends what Unpack returns.
const Packed = "packed"

// Pack compresses a JSON list to about an eighth, so that the message needs little memory
// while it waits for its confirmation. It writes over dst, whose array it replaces if it
// is too small. The format is S2 (https://github.com/klauspost/compress/tree/master/s2),
// which is ten times as fast as gzip and zstd.
func Pack(dst, list []byte) []byte { return s2.Encode(dst[:cap(dst)], list) }

// Unpack returns the JSON list from which Pack made body. It writes over dst, whose array
// it replaces if it is too small.
func Unpack(dst, body []byte) []byte {
	list, err := s2.Decode(dst[:cap(dst)], body)
	if err != nil {
		panic("BUG: the body is not from Pack: " + err.Error())
	}
	return list
}
