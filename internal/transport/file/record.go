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
// CHECKSUM is the CRC-32C of "ID BODY" in eight hex digits. A crash may leave an
// incomplete record at the end of the file, and a power cut may leave zero bytes. Each
// write begins with a newline, so the next record is a line of its own all the same. The
// reader skips lines whose checksum is wrong.

// maxBody bounds a message's body in bytes, and maxLine a record, so that reading
// a record needs bounded memory.
const (
	maxBody = 64 << 20
	maxLine = maxBody + 1<<10 // an id has at most 255 bytes, which escaping triples
)

var (
	errTooLarge   = fmt.Errorf("its body is larger than %d bytes, the limit of the file transport", maxBody)
	errNotCompact = errors.New("its body is not a compact JSON list, which is a bug")
	errGone       = errors.New("the partial file is gone, with messages that this run has sent")
	errDamaged    = errors.New("the partial file is damaged")
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

// recordReader reads the whole records of a partial file.
type recordReader struct {
	src   *bufio.Reader
	line  []byte
	start int64 // offset in the file at which this run began to write
	next  int64 // offset in the file after line
	size  int64 // bytes of the whole records
	own   int64 // bytes of the whole records after start
	torn  int64 // bytes of all other lines: incomplete or damaged records
}

func newRecordReader(file io.Reader, start int64) *recordReader {
	return &recordReader{src: bufio.NewReaderSize(file, 256<<10), start: start}
}

// each calls use for each whole record, with the record and the body of its message.
// Both are valid until use returns.
func (r *recordReader) each(use func(record, body []byte) error) error {
	for {
		at := r.next
		err := r.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		sum, text, _ := bytes.Cut(r.line, []byte(" "))
		if string(sum) == fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)) {
			size := int64(len(r.line) + len("\n"))
			r.size += size
			if at >= r.start {
				r.own += size
			}
			_, body, _ := bytes.Cut(text, []byte(" "))
			if err := use(r.line, body); err != nil {
				return err
			}
		} else {
			r.torn += int64(len(r.line))
		}
		if err != nil {
			return nil
		}
	}
}

// readLine sets r.line to the next line, without its newline. If the line is longer than
// any record, r.line is only its start.
func (r *recordReader) readLine() error {
	r.line = r.line[:0]
	for {
		part, err := r.src.ReadSlice('\n')
		r.next += int64(len(part))
		if len(r.line) <= maxLine {
			r.line = append(r.line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			r.line = bytes.TrimSuffix(r.line, []byte("\n"))
			return err
		}
	}
}
