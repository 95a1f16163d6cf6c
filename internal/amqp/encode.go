package amqp

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// encoder makes what goes over the wire from a message's body. It may be used
// by many goroutines at once.
type encoder struct {
	name    string // for content_encoding
	zstd    *zstd.Encoder
	buffers sync.Pool // of *buffer
}

type buffer struct {
	bytes []byte
	gzip  *gzip.Writer
}

func newEncoder(compression string) (*encoder, error) {
	e := &encoder{name: compression}
	switch compression {
	case "", "gzip":
		e.buffers.New = func() any { return &buffer{gzip: gzip.NewWriter(nil)} }
	case "zstd":
		// Only EncodeAll is used, which starts no goroutine.
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			return nil, fmt.Errorf("rabbitmq: compression zstd: %w", err)
		}
		e.zstd = z
		e.buffers.New = func() any { return new(buffer) }
	default:
		return nil, fmt.Errorf("rabbitmq: compression %q is not known: leave it empty or give gzip or zstd", compression)
	}
	return e, nil
}

// encode returns body as it is to be sent. The result is body itself or a
// buffer that belongs to the encoder again once release is called.
func (e *encoder) encode(body []byte) (wire []byte, release func(), err error) {
	if e.name == "" {
		return body, func() {}, nil
	}
	b := e.buffers.Get().(*buffer)
	if e.zstd != nil {
		b.bytes = e.zstd.EncodeAll(body, b.bytes[:0])
	} else {
		w := bytes.NewBuffer(b.bytes[:0])
		b.gzip.Reset(w)
		if _, err = b.gzip.Write(body); err == nil {
			err = b.gzip.Close()
		}
		b.bytes = w.Bytes()
	}
	return b.bytes, func() { e.buffers.Put(b) }, err
}
