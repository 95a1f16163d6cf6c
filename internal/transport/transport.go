// Package transport has the interface through which the pipeline delivers messages,
// and the code that transports share: verdicts of a failure, findings of a check,
// compression, the rate limit, and remedies for TLS errors. Each transport has a package
// of its own: internal/amqp (RabbitMQ), and the packages file, httppost and stdout below
// this directory.
package transport

import (
	"context"
	"errors"
)

// Message is a JSON list of 1 to 100 flows of one log.
type Message struct {
	// ID names the content: sensor, instance, directory, log, byte range, and a
	// checksum of the list. A resent message has the same ID. At most 255 bytes,
	// valid UTF-8.
	ID string
	// Body is the compact JSON list, compressed if Encoding is set. The caller does
	// not change Body until Send returns, and the transport must not keep it longer.
	Body []byte
	// Encoding is the content coding of Body: "", gzip or zstd. It is Packed only for
	// transports that call Unpack.
	Encoding string
	// Size is the number of bytes of the JSON list.
	Size int
	// Flows is the number of flows in Body.
	Flows int
	// Directory is the path of the directory that the flows come from. It begins with
	// the root as the user wrote it.
	Directory string
	// Instance is the instance id of the flows, as text; "0" if none is given.
	Instance string
	// Taken tells the caller that Send has begun to deliver the message. The caller
	// uses it to limit the messages that wait. It may be nil, and Send need not call it.
	Taken func()
}

// SentSize returns the number of bytes of Body, unpacked if it is Packed.
func (m *Message) SentSize() int {
	if m.Encoding == Packed {
		return m.Size
	}
	return len(m.Body)
}

// Transport delivers messages. Its methods may be called from many goroutines
// at once; Close is called once, after the last Send has returned.
type Transport interface {
	// Send returns nil once m is durably accepted, and an error if it gives up. Send
	// itself retries. Every wait is bounded, and ends early when ctx ends.
	Send(ctx context.Context, m *Message) error
	// Close ends connections and waits for every goroutine of the transport.
	Close(ctx context.Context) error
}

// Finisher is implemented by transports that gather the messages of a directory. The
// run calls Finish when all messages of the directory are accepted, before it marks the
// directory, even if it has sent none of them: an earlier run may have ended between its
// last message and the mark. If Finish fails, the directory is not marked. The arguments
// have the values of Message.Instance and Message.Directory.
type Finisher interface {
	Finish(ctx context.Context, instance, directory string) error
}

// Verdict says what a failure means for the run.
type Verdict uint8

const (
	// Retry means that the receiver is away, slow or busy. A later run may succeed.
	Retry Verdict = iota
	// Refused means that credentials or permissions are wrong. Somebody must act.
	Refused
	// Misconfigured means a missing exchange, vhost or queue, wrong TLS material or
	// an unroutable message. Somebody must change the configuration.
	Misconfigured
	// TooLarge means that the message exceeds the receiver's size limit. The caller
	// may split the message and send the parts.
	TooLarge
)

// ErrDestinationLost is in the chain of an error that ends a transport because the
// destination was deleted with messages that the transport had accepted in this run.
// Those messages must be sent again.
var ErrDestinationLost = errors.New("accepted messages are lost")

// Error is a failure with its verdict. Its text names the cause and the remedy
// and holds no secret.
type Error struct {
	Verdict Verdict
	Err     error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// VerdictOf returns the verdict of the first *Error in err's chain, else Retry.
func VerdictOf(err error) Verdict {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Verdict
	}
	return Retry
}
