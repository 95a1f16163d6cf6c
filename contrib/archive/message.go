package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-json"
	"github.com/klauspost/compress/zstd"
	amqp "github.com/rabbitmq/amqp091-go"
)

// maxBody is the limit for the size of a compressed body after decompression.
const maxBody = 64 << 20

// message is a delivery that has been read.
type message struct {
	delivery amqp.Delivery
	place
	digest []byte // SHA-256 of the uncompressed body
	flows  []flow
	fault  error // the reason why the message cannot be stored; nil if it can
}

// place is the place of a message's rows, as its id tells it.
type place struct {
	log   string
	bytes byteRange
	whole string // the id without half
	half  string // ".1" or ".2" for each time that the sender split the message in two
}

// byteRange is the range [from, to) of offsets in a log.
type byteRange struct{ from, to int64 }

// withRange matches SENSOR/INSTANCE/DIRECTORY/LOG@FROM-TO, which a checksum may follow, and the
// ids of halves of such a message.
var withRange = regexp.MustCompile(`^((.+)@([0-9]+)-([0-9]+)(?:[^0-9.].*?)?)((?:\.[12])*)$`)

// placeOf parses an id. An id without a byte range is the hash of an id that was too long or not
// UTF-8. Its place is the first byte of a log that has the hash as its name.
func placeOf(id string) place {
	if m := withRange.FindStringSubmatch(id); m != nil {
		from, err1 := strconv.ParseInt(m[3], 10, 64)
		to, err2 := strconv.ParseInt(m[4], 10, 64)
		if err1 == nil && err2 == nil && from < to {
			return place{m[2], byteRange{from, to}, m[1], m[5]}
		}
	}
	return place{id, byteRange{0, 1}, id, ""}
}

// shares reports whether p and o may have rows in common.
func (p place) shares(o place) bool {
	if p.whole == o.whole { // two different halves share no row; a message and its half do
		return strings.HasPrefix(p.half, o.half) || strings.HasPrefix(o.half, p.half)
	}
	return p.log == o.log && p.bytes.from < o.bytes.to && o.bytes.from < p.bytes.to
}

// read reads the message of a delivery. A message that cannot be stored has a fault.
func read(d amqp.Delivery) *message {
	m := &message{delivery: d, place: placeOf(d.MessageId)}
	m.fault = m.parse()
	return m
}

func (m *message) parse() error {
	if m.delivery.MessageId == "" {
		return errors.New("it has no message id, so repeats cannot be recognized")
	}
	body, err := uncompressed(m.delivery)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	m.digest = sum[:]
	var flows []json.RawMessage
	if err := json.Unmarshal(body, &flows); err != nil {
		return fmt.Errorf("it is no JSON list: %w", err)
	}
	if len(flows) == 0 {
		return errors.New("it is an empty list")
	}
	for i, text := range flows {
		f, err := parseFlow(text)
		if err != nil {
			return fmt.Errorf("flow %d: %w", i, err)
		}
		m.flows = append(m.flows, f)
	}
	return nil
}

func uncompressed(d amqp.Delivery) ([]byte, error) {
	var r io.Reader
	var err error
	switch d.ContentEncoding {
	case "":
		return d.Body, nil
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(d.Body))
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(d.Body), zstd.WithDecoderConcurrency(1)); err == nil {
			defer z.Close()
			r = z
		}
	default:
		return nil, fmt.Errorf("its content encoding is %q: want none, gzip or zstd", d.ContentEncoding)
	}
	if err != nil {
		return nil, fmt.Errorf("uncompress: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("uncompress: %w", err)
	case len(body) > maxBody:
		return nil, fmt.Errorf("its uncompressed body is longer than %d bytes", maxBody)
	}
	return body, nil
}
