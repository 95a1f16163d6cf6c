package transport

import (
	"bytes"
	"fmt"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compressor compresses message bodies, each by itself. Its methods may be called
// from many goroutines at once.
type Compressor struct {
	name  string
	zstd  *zstd.Encoder
	gzips chan *gzip.Writer // idle ones; nil stands for one that has not been made yet
}

// maxWindow is how many bytes back zstd looks for repeats. It bounds the memory
// of an encoder. The default is 4 MB; a message of 100 flows is below 200 kB.
const maxWindow = 256 << 10

// NewCompressor returns a compressor for a content coding: gzip, zstd, or ""
// for none.
func NewCompressor(name string) (*Compressor, error) {
	c := &Compressor{name: name}
	switch name {
	case "":
	case "gzip":
		c.gzips = make(chan *gzip.Writer, runtime.GOMAXPROCS(0))
		for range cap(c.gzips) {
			c.gzips <- nil
		}
	case "zstd":
		// Only EncodeAll is used, which starts no goroutine.
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(maxWindow), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
		if err != nil {
			return nil, fmt.Errorf("compression zstd: %w", err)
		}
		c.zstd = z
	default:
		return nil, fmt.Errorf("compression %q is not known: leave it empty or give gzip or zstd", name)
	}
	return c, nil
}

// Name returns the name of the content coding, "" for none.
func (c *Compressor) Name() string { return c.name }

// Append appends the compressed body to dst, which may be nil, and returns the
// extended slice. It does not change body, and keeps neither.
func (c *Compressor) Append(dst, body []byte) []byte {
	switch c.name {
	case "gzip":
		b := bytes.NewBuffer(dst)
		w := <-c.gzips
		if w == nil {
			w = gzip.NewWriter(nil)
		}
		defer func() { c.gzips <- w }()
		w.Reset(b)
		_, _ = w.Write(body) // a Buffer takes everything
		_ = w.Close()
		w.Reset(nil)
		return b.Bytes()
	case "zstd":
		return c.zstd.EncodeAll(body, dst)
	}
	return append(dst, body...)
}
