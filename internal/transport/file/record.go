package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"

	"tstat-transport/internal/transport"
)

// A partial file consists of records, one for each message. A record is a line
//
//	CHECKSUM ID BODY
//
// where ID is escaped as in a URL, so that it holds no space and no newline, and
// CHECKSUM is the CRC-32C of "ID BODY" in eight hex digits. After a power cut,
// half a record or zero bytes may stand behind the last synced record; the
// checksum tells them from a whole record.

// maxBody bounds a message's body in bytes, and maxLine a record, so that reading
// a record needs bounded memory.
const (
	maxBody = 64 << 20
	maxLine = maxBody + 1<<10 // an id has at most 255 bytes, which escaping triples
)

var (
	errTooLarge   = fmt.Errorf("its body is larger than the %d bytes that a file takes", maxBody)
	errNotCompact = errors.New("its body is not a compact JSON list: this is a fault of the program")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// isCompact reports whether body can be a compact JSON list. It costs less than
// parsing, and makes sure that a record is one line.
func isCompact(body []byte) bool {
	return bytes.HasPrefix(body, []byte("[")) && bytes.HasSuffix(body, []byte("]")) &&
		bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, 0) < 0
}

// appendRecord appends m's record to dst.
func appendRecord(dst []byte, m *transport.Message) []byte {
	id := url.PathEscape(m.ID)
	sum := crc32.Update(crc32.Checksum([]byte(id+" "), castagnoli), castagnoli, m.Body)
	return fmt.Appendf(dst, "%08x %s %s\n", sum, id, m.Body)
}

// recordReader reads the whole records with which a file starts.
type recordReader struct {
	src  *bufio.Reader
	line []byte // the last record
	size int64  // bytes of all records so far
}

func newRecordReader(file io.Reader) *recordReader {
	return &recordReader{src: bufio.NewReaderSize(file, 256<<10)}
}

// next reads a record and returns its message's body, which is valid until the
// next call. At the first bytes that are not a whole record it returns io.EOF.
func (r *recordReader) next() (body []byte, err error) {
	r.line = r.line[:0]
	for {
		part, err := r.src.ReadSlice('\n')
		r.line = append(r.line, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err // io.EOF if the line has no end
		}
		if len(r.line) > maxLine {
			return nil, io.EOF
		}
	}
	sum, text, _ := bytes.Cut(bytes.TrimSuffix(r.line, []byte("\n")), []byte(" "))
	if string(sum) != fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)) {
		return nil, io.EOF
	}
	_, body, _ = bytes.Cut(text, []byte(" "))
	r.size += int64(len(r.line))
	return body, nil
}
