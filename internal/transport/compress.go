package transport

import (
	"bytes"
	"fmt"
	"io"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compressor compresses each message body separately. Its methods may be called from
// many goroutines at once.
type Compressor struct {
	name     string
	encoders chan *encoder // idle encoders; nil for one that is not made yet
}

const (
	// maxEncoders bounds how many bodies are compressed at a time. An encoder
	// occupies one to two megabytes.
	maxEncoders = 4
	// maxWindow is how many bytes back zstd looks for repeats. It bounds the memory
	// of an encoder. The default is 4 MB; a message of 100 flows is below 200 kB.
	maxWindow = 256 << 10
)

// NewCompressor returns a compressor for a content coding: gzip, zstd, or ""
// for none.
func NewCompressor(name string) (*Compressor, error) {
	switch name {
	case "", "gzip", "zstd":
	default:
		return nil, fmt.Errorf("compression %q is not known: leave it empty or give gzip or zstd", name)
	}
	c := &Compressor{name: name, encoders: make(chan *encoder, min(maxEncoders, runtime.GOMAXPROCS(0)))}
	for range cap(c.encoders) {
		c.encoders <- nil
	}
	return c, nil
}

// Name returns the name of the content coding, "" for none.
func (c *Compressor) Name() string { return c.name }

// Append appends the compressed body to dst, which may be nil, and returns the
// extended slice. It does not change body, and keeps neither slice.
func (c *Compressor) Append(dst, body []byte) []byte {
	if c.name == "" {
		return append(dst, body...)
	}
	e := <-c.encoders
	if e == nil {
		e = newEncoder(c.name)
	}
	defer func() { c.encoders <- e }()
	return append(dst, e.encode(body)...)
}

// encoder compresses one body after the other.
type encoder struct {
	gzip *gzip.Writer  // nil for zstd
	zstd *zstd.Encoder // nil for gzip
	out  bytes.Buffer
}

func newEncoder(name string) *encoder {
	if name == "gzip" {
		return &encoder{gzip: gzip.NewWriter(nil)}
	}
	// Only EncodeAll is used, which starts no goroutine.
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(maxWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic("BUG: options of zstd: " + err.Error())
	}
	return &encoder{zstd: z}
}

// encode returns the compressed body. The result is valid until the next call.
func (e *encoder) encode(body []byte) []byte {
	e.out.Reset()
	if e.zstd != nil {
		// If out had no array, EncodeAll would allocate one as large as body.
		e.out.Grow(len(body))
		return e.zstd.EncodeAll(body, e.out.AvailableBuffer())
	}
	e.gzip.Reset(&e.out)
	_, _ = e.gzip.Write(body) // a Buffer takes everything
	_ = e.gzip.Close()
	return e.out.Bytes()
}

// Decompress returns the JSON list in the body of a message.
func Decompress(m *Message) ([]byte, error) {
	var r io.Reader
	var err error
	switch body := bytes.NewReader(m.Body); m.Encoding {
	case "":
		return m.Body, nil
	case Packed:
		return Unpack(nil, m.Body), nil
	case "gzip":
		r, err = gzip.NewReader(body)
	default:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1)); err == nil {
			defer z.Close()
			r = z
		}
	}
	if err != nil {
		return nil, fmt.Errorf("decompress message %s: %w", m.ID, err)
	}
	list, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress message %s: %w", m.ID, err)
	}
	return list, nil
}
