// Package transport is the interface between the pipeline and whatever accepts
// messages, and what the transports share: verdicts of a failure, findings of a
// check, remedies for TLS, compression and the rate limit. Each transport has a
// package of its own: internal/amqp (RabbitMQ), and file, http and stdout below
// this one.
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
	// Body is the compact JSON list, compressed if Encoding is set. It is lent:
	// unchanged until Send returns, and not to be kept after that.
	Body []byte
	// Encoding is the content coding of Body: "", gzip or zstd.
	Encoding string
	// Size is the number of bytes of the JSON list.
	Size int
	// Flows is the number of flows in Body.
	Flows int
	// Directory is the path of the directory that the flows come from: of the
	// root as it was given, and below it.
	Directory string
	// Instance is the instance id of that root, as text; "0" without one.
	Instance string
	// Taken, if not nil, may be called by Send when it begins to deliver the
	// message. The caller keeps few messages waiting for that moment.
	Taken func()
}

// Transport delivers messages. Its methods may be called from many goroutines
// at once; Close is called once, after the last Send has returned.
type Transport interface {
	// Send returns nil once m is durably accepted, and an error if it gives up.
	// It retries inside. Every wait is bounded, and ends early when ctx ends.
	Send(ctx context.Context, m *Message) error
	// Close ends connections and waits for every goroutine of the transport.
	Close(ctx context.Context) error
}

// Finisher is implemented by transports that gather a directory's messages
// and have something to do when all of them are accepted. Finish is called
// after the last accepted Send of the directory and before it is marked, also
// where the last of them was accepted in an earlier run that did not come to
// mark it; an error keeps it unmarked. The arguments are those of Message.
type Finisher interface {
	Finish(ctx context.Context, instance, directory string) error
}

// Verdict says what a failure means for the run.
type Verdict uint8

const (
	// Retry: the other side is away, slow or busy; a later run may succeed.
	Retry Verdict = iota
	// Refused: credentials or permissions; somebody must act.
	Refused
	// Misconfigured: a missing exchange, vhost or queue, TLS material, an
	// unroutable message; somebody must change the configuration.
	Misconfigured
	// TooLarge: this message is over the receiver's size limit; the caller
	// may split it by flows and send the parts.
	TooLarge
)

// ErrDestinationLost is in the chain of an error that ends a transport because
// messages of this run that it had accepted are gone, with the place where they
// were: they must be sent again.
var ErrDestinationLost = errors.New("messages that had been accepted are gone")

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
