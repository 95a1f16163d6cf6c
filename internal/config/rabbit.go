package config

import (
	"math/rand/v2"
	"strings"
	"time"
)

// Rabbit is what the sections [rabbit], [rabbit_queue_options] and
// [ssl_options] say. The Python tool had no defaults; those here are
// RabbitMQ's own where it has any.
type Rabbit struct {
	// Hosts are to be tried in turn; there is at least one. The order is that of
	// the file, or with host_order = random another in each run, so that many
	// sensors with the same list do not all use the first host.
	Hosts []Host
	// Username and Password default to guest and guest, which RabbitMQ lets in
	// from its own host only. A username other than guest needs a password.
	Username string
	Password Secret
	// PasswordFile is the file that Password was read from, or nil.
	PasswordFile *SecretFile
	// UseSSL is off by default.
	UseSSL bool
	// TLS is set if UseSSL is.
	TLS TLS
	// VHost is / by default.
	VHost string
	// Exchange is by default the empty one, which brings a message to the
	// queue that its routing key names.
	Exchange string
	// Queue and RoutingKey stand in for each other where one is not set.
	// Queue is empty where the exchange is named and no queue is: there is
	// none to look up. RoutingKey is never empty on the empty exchange.
	Queue, RoutingKey string
	QueueOptions      QueueOptions
	// Heartbeat is 10 s by default, from 1 s to 1 h.
	Heartbeat time.Duration
	// ConnectionTimeout bounds dialling and the handshakes; 10 s by default.
	ConnectionTimeout time.Duration
	// ConfirmTimeout bounds the wait for one confirmation; 30 s by default.
	ConfirmTimeout time.Duration
	// BlockedTimeout bounds the wait while the broker has blocked the
	// connection; 60 s by default.
	BlockedTimeout time.Duration
	// DeliveryMode is 2, persistent, by default, else 1, transient.
	DeliveryMode uint8
	// Compression of a message's body: empty for none, gzip or zstd.
	Compression string
}

const (
	shortest = time.Second
	longest  = 24 * time.Hour
)

// Rabbit returns the settings of the rabbit transport. An error may be of
// several, joined, one for each value to be changed.
func (f *File) Rabbit() (Rabbit, error) {
	s, err := f.required("rabbit", "at least host and port")
	if err != nil {
		return Rabbit{}, err
	}
	r := Rabbit{
		Hosts:             s.hosts(s.port("port")),
		UseSSL:            s.flag("use_ssl", false),
		VHost:             s.short("vhost", "/"),
		Exchange:          s.short("exchange", ""),
		Heartbeat:         s.duration("heartbeat", 10*time.Second, time.Hour),
		ConnectionTimeout: s.duration("connection_timeout", 10*time.Second, longest),
		ConfirmTimeout:    s.duration("confirm_timeout", 30*time.Second, longest),
		BlockedTimeout:    s.duration("blocked_timeout", 60*time.Second, longest),
		DeliveryMode:      2,
		Compression:       s.compression("none", "gzip", "zstd"),
	}
	if s.choice("host_order", "listed", "random") == "random" {
		rand.Shuffle(len(r.Hosts), func(i, j int) { r.Hosts[i], r.Hosts[j] = r.Hosts[j], r.Hosts[i] })
	}
	if s.choice("delivery_mode", "2", "1") == "1" {
		r.DeliveryMode = 1
	}
	for _, host := range r.Hosts {
		if _, ok := s.get("port"); host.Port == 0 && !ok {
			s.missing("port", "the port of "+host.Name+", usually 5672, or 5671 with use_ssl")
			break
		}
	}
	if e, ok := s.get("vhost"); ok && r.VHost == "" {
		s.reject(e, "a vhost's name; RabbitMQ's own first one is /")
	}
	s.login(&r)
	s.route(&r)
	options := f.section(queueSection)
	r.QueueOptions = options.queueOptions()
	s.errs = append(s.errs, options.errs...)
	r.TLS = s.tls(r.UseSSL)
	return r, s.err()
}

func (s *section) login(r *Rabbit) {
	r.Username = s.text("username", "guest")
	if e, ok := s.get("username"); ok && r.Username == "" {
		s.reject(e, "a user of RabbitMQ")
	}
	failed := len(s.errs)
	r.Password, r.PasswordFile = s.secret("password", "TSTAT_RABBIT_PASSWORD")
	if r.Password.Reveal() == "" && len(s.errs) == failed {
		if r.Username != "guest" && r.Username != "" {
			s.missing("password", "that of "+r.Username+", or set password_file or TSTAT_RABBIT_PASSWORD in the environment")
		}
		r.Password = NewSecret("guest")
	}
}

// route settles where messages go.
func (s *section) route(r *Rabbit) {
	r.Queue = s.short("queue", "")
	r.RoutingKey = s.short("routing_key", r.Queue)
	if r.Exchange != "" {
		return
	}
	if r.Queue == "" {
		r.Queue = r.RoutingKey
	}
	e, ok := s.get("routing_key")
	switch {
	case r.Queue == "":
		s.missing("queue", "the queue to send to")
	case r.RoutingKey == "":
		s.reject(e, "the queue's name, or no routing_key at all, since exchange is empty")
	case ok && r.RoutingKey != r.Queue:
		s.file.warnAt(e, "exchange is empty, so messages go to the queue %q and not to %q; set both to the same",
			r.RoutingKey, r.Queue)
	}
}

// compression reads the key of that name, none as the empty text.
func (s *section) compression(words ...string) string {
	return strings.TrimPrefix(s.choice("compression", words...), "none")
}
