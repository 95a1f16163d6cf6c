// Package amqp delivers messages to RabbitMQ. Send returns nil only when the
// broker has confirmed the message. The package does not look into the bodies.
//
// A Publisher keeps Connections connections with Channels confirm-mode channels
// each. A channel has at most Window unconfirmed messages; without a Window, the
// number follows the round-trip time to the broker (see window):
//
//	Send (many callers; each blocks until its message is confirmed or given up)
//	  │
//	  ├─requests──> channelPublisher ──basic.publish──> library ──libraryConn──deadlineConn──> broker
//	  │             one goroutine a channel; inFlight holds the
//	  │             messages published and not yet confirmed
//	  │                │  ^
//	  │                │  └─ confirmations and returns (from the library's reader)
//	  │                │
//	  │                └─ unconfirmed when the channel ended ─> backlog ─> any channelPublisher
//	  └──<─done──────────  confirmed, or given up
//
// Goroutines, and who waits for them:
//
//	supervise            one a connection: connect, publish, close, again.
//	                     Started by Open, waited for by Close.
//	channelPublisher.run one a channel: it alone publishes on the channel. Those of
//	                     a connection are an errgroup; the first to end names the
//	                     cause. Started and waited for by session.run.
//	session.watch        one a connection: drains the library's notifications of
//	                     blocking and closing, and never calls the library. Ends
//	                     when the library has shut the connection down; waited
//	                     for by session.close.
//
// Go channels: requests and backlog.ready are never closed; request.done takes one
// answer from the owner of the request; the library closes the channels that were given
// to its Notify functions. The end of Publisher.ctx ends the publisher: Close, or an
// error that concerns every message, cancels this context with the reason as its cause.
//
// Every wait has a bound:
//
//	dialing, each call during set-up         ConnectionTimeout
//	a write                                  WriteTimeout (deadlineConn)
//	a peer that sends nothing                the heartbeat
//	a confirmation                           ConfirmTimeout of unblocked time
//	an alarm of the broker                   BlockedTimeout
//	Open, if no host has ever answered       openRounds
//	a broker that is away                    RetryTimeout
//	a message that keeps failing             Attempts and RetryTimeout
//	closing a connection                     closeWait
//	Close                                    4 * closeTimeout
//
// The caller of Send lends the body. A channelPublisher reads the body only while it holds
// the mutex of lentBody. So when Send returns early, nobody reads the body afterwards.
package amqp
