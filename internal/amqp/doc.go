// Package amqp delivers messages to RabbitMQ and says so only when the broker
// has confirmed them. It knows bytes and ids, and nothing of what is in them.
//
// A Publisher keeps Connections connections with Channels confirm-mode channels
// each, and at most Window unconfirmed messages on a channel:
//
//	Send (many callers, each blocks until its message is settled)
//	  │
//	  ├─requests──> owner ──basic.publish──> library ──conn──> broker
//	  │  (never     one goroutine a channel; its flights are the
//	  │   closed)   messages published and not yet confirmed
//	  │                │  ^
//	  │                │  └─ confirmations and returns (from the library's reader)
//	  │                │
//	  │                └─ lost with its connection ─> backlog ─> any owner
//	  └──<─done──────────  settled: confirmed, or given up
//
// Goroutines, and who waits for them:
//
//	supervise  one a connection slot: connect, run its owners, close, again.
//	           Started by Open, waited for by Close.
//	owner      one a channel: alone publishes on it and settles its messages.
//	           Started and waited for by the slot's supervise.
//	watch      one a connection: drains the library's notifications of blocking
//	           and closing, and never calls the library. Ends when the library
//	           has shut the connection down; waited for by the slot's supervise.
//
// Channels: requests and backlog.ready are never closed; request.done holds one
// answer and is written once, by whoever settles the request; the library
// closes what was given to its Notify functions. Publisher.ctx ends everything:
// Close and a failure that concerns every message cancel it, with the reason as
// its cause.
//
// What bounds each wait: dialing and every call during set-up,
// ConnectionTimeout; a write, WriteTimeout (conn); a silent peer, the
// heartbeat; a confirmation, ConfirmTimeout; an alarm, BlockedTimeout; hosts of
// which none has ever answered, openRounds; a broker that is away, RetryTimeout;
// a message that keeps failing, RetryLimit and RetryTimeout; closing,
// closeTimeout.
//
// A body is lent by Send's caller. Only the owner that is publishing it reads
// it, with the request's lock held, so that Send can return before the message
// is settled without leaving a reader behind.
package amqp
