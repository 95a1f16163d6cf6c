package amqp

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// Options say where and how messages are published. A zero value means the
// default named with the field.
type Options struct {
	// Hosts are "host:port", tried in turn until one works. At least one.
	Hosts    []string
	Username string
	// Password is asked for at each login, and not kept. Nil means empty.
	Password func() string
	VHost    string // "/"
	// TLS, if not nil, makes the connections encrypted. It is cloned for each connection.
	// If it has no ServerName, the certificate must be for the host in Hosts.
	TLS *tls.Config

	// Queue is looked up, and declared with QueueOptions if it does not exist. If
	// Queue is empty, Open looks up no queue.
	Queue        string
	QueueOptions QueueOptions
	// Exchange must exist. Empty means the default exchange.
	Exchange string
	// RoutingKey is the routing key of every message. On the default exchange the
	// routing key is the name of the receiving queue; its default there is Queue.
	RoutingKey string

	Connections int // DefaultConnections
	Channels    int // for each connection; DefaultChannels
	// Window is the largest number of unconfirmed messages on a channel. With 0 the
	// number follows the round-trip time to the broker.
	Window int

	Heartbeat         time.Duration // at least a second; 10 s
	ConnectionTimeout time.Duration // of connecting and logging in, and of each look-up; 10 s
	WriteTimeout      time.Duration // of each chunkSize bytes of a write; 30 s
	ConfirmTimeout    time.Duration // from publishing to confirmation; 30 s
	BlockedTimeout    time.Duration // how long an alarm of the broker may last; 60 s
	// RetryTimeout is how long Send retries a message after its first failure, and
	// how long Send and Open try to connect to hosts of which at least one has
	// answered before. 60 s.
	RetryTimeout time.Duration
	Attempts     int           // times that a message is published, at most; 10
	Backoff      time.Duration // the first wait before a retry is Backoff/2 to 2*Backoff, at random; 200 ms
	MaxBackoff   time.Duration // the longest wait before a retry; 5 s

	DeliveryMode uint8 // 1 transient, 2 persistent; 2
	// Name is what the broker shows as the connection's name.
	Name string
	// LookupHost returns the addresses of a host's name. Nil means net.Resolver.
	LookupHost func(ctx context.Context, name string) (addresses []string, err error)
	// Dial opens the sockets. Nil means net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Log takes warnings, and protocol events at level debug. Nil means none.
	Log *slog.Logger
}

// QueueOptions are the arguments of queue.declare.
type QueueOptions struct {
	Durable, Exclusive, AutoDelete bool
	// Passive means that the queue is never declared, only looked up.
	Passive bool
	// Arguments are the x-... arguments: strings, booleans, integers, floats.
	Arguments map[string]any
}

// Defaults of Options.
const (
	DefaultConnections = 2
	DefaultChannels    = 1
)

// maxShortString is the size in bytes of the longest name in AMQP 0-9-1.
const maxShortString = 255

// withDefaults returns o with every zero value replaced by its default, or an error
// if o is invalid.
func (o Options) withDefaults() (*Options, error) {
	o.VHost = cmp.Or(o.VHost, "/")
	if o.Exchange == "" {
		o.RoutingKey = cmp.Or(o.RoutingKey, o.Queue)
	}
	if o.Password == nil {
		o.Password = func() string { return "" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.LookupHost == nil {
		o.LookupHost = net.DefaultResolver.LookupHost
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	o.Connections = cmp.Or(o.Connections, DefaultConnections)
	o.Channels = cmp.Or(o.Channels, DefaultChannels)
	o.Heartbeat = cmp.Or(o.Heartbeat, 10*time.Second)
	o.ConnectionTimeout = cmp.Or(o.ConnectionTimeout, 10*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 30*time.Second)
	o.ConfirmTimeout = cmp.Or(o.ConfirmTimeout, 30*time.Second)
	o.BlockedTimeout = cmp.Or(o.BlockedTimeout, time.Minute)
	o.RetryTimeout = cmp.Or(o.RetryTimeout, time.Minute)
	o.Attempts = cmp.Or(o.Attempts, 10)
	o.Backoff = cmp.Or(o.Backoff, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 5*time.Second)
	o.DeliveryMode = cmp.Or(o.DeliveryMode, amqp091.Persistent)
	if err := o.validate(); err != nil {
		return nil, &transport.Error{Verdict: transport.Misconfigured, Err: err}
	}
	return &o, nil
}

func (o *Options) validate() error {
	if len(o.Hosts) == 0 {
		return fmt.Errorf("rabbitmq: no host given")
	}
	for _, h := range o.Hosts {
		if _, _, err := net.SplitHostPort(h); err != nil {
			return fmt.Errorf("rabbitmq: host %q is not host:port: %w", h, err)
		}
	}
	for _, s := range []struct{ what, value string }{
		{"vhost", o.VHost}, {"queue", o.Queue}, {"exchange", o.Exchange}, {"routing key", o.RoutingKey},
	} {
		if len(s.value) > maxShortString {
			return fmt.Errorf("rabbitmq: %s of %d bytes is longer than the %d that AMQP allows", s.what, len(s.value), maxShortString)
		}
	}
	if o.Exchange == "" && o.RoutingKey == "" {
		return fmt.Errorf("rabbitmq: neither a queue, a routing key nor an exchange given: messages have nowhere to go")
	}
	for what, n := range map[string]int64{
		"connections": int64(o.Connections), "channels": int64(o.Channels), "attempts": int64(o.Attempts),
		"connection timeout": int64(o.ConnectionTimeout), "write timeout": int64(o.WriteTimeout),
		"confirm timeout": int64(o.ConfirmTimeout), "blocked timeout": int64(o.BlockedTimeout),
		"retry timeout": int64(o.RetryTimeout), "backoff": int64(o.Backoff), "longest backoff": int64(o.MaxBackoff),
	} {
		if n <= 0 {
			return fmt.Errorf("rabbitmq: %s is %d: give a value above 0", what, n)
		}
	}
	if o.Window < 0 {
		return fmt.Errorf("rabbitmq: window is %d: give 0 or more", o.Window)
	}
	if o.Heartbeat < time.Second {
		return fmt.Errorf("rabbitmq: heartbeat is %v: give a second or more", o.Heartbeat)
	}
	if o.DeliveryMode > amqp091.Persistent {
		return fmt.Errorf("rabbitmq: delivery mode is %d: give 1 (transient) or 2 (persistent)", o.DeliveryMode)
	}
	_, err := o.QueueOptions.table()
	return err
}

// table returns the queue's arguments as the library takes them. An int becomes an
// int64: the library would send an int as 32 bits.
func (q QueueOptions) table() (amqp091.Table, error) {
	t := amqp091.Table{}
	for k, v := range q.Arguments {
		if len(k) > maxShortString {
			return nil, fmt.Errorf("rabbitmq: queue argument of %d bytes is longer than the %d that AMQP allows", len(k), maxShortString)
		}
		if n, ok := v.(int); ok {
			v = int64(n)
		}
		t[k] = v
		if err := (amqp091.Table{k: v}).Validate(); err != nil {
			return nil, fmt.Errorf("rabbitmq: queue argument %s: a %T cannot be sent: %w", k, v, err)
		}
	}
	return t, nil
}

// window returns the window that a channel starts with.
func (o *Options) window() window {
	if o.Window > 0 {
		return newWindow(o.Window, o.Window)
	}
	return newWindow(MinWindow, max(MinWindow, MaxInFlight/(o.Connections*o.Channels)))
}
