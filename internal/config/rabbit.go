package config

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Rabbit holds the sections [rabbit], [rabbit_queue_options] and [ssl_options].
type Rabbit struct {
	// Hosts has at least one host. The hosts are tried in this order. With
	// host_order = random the order is random, so that many sensors with the same
	// list do not all use the first host.
	Hosts    []Host
	Username string
	Password Secret
	// PasswordFile is the file that Password was read from, or nil.
	PasswordFile *SecretFile
	UseSSL       bool
	TLS          TLS // the zero TLS if UseSSL is false
	VHost        string
	// Exchange is empty for the default exchange, which routes a message to the
	// queue whose name is the routing key.
	Exchange string
	// RoutingKey is Queue by default. If Exchange is empty, Queue is RoutingKey by
	// default, and neither is empty. If Exchange is set and the file names no queue,
	// Queue is empty and no queue is looked up.
	Queue, RoutingKey string
	QueueOptions      QueueOptions
	Heartbeat         time.Duration // at most an hour
	ConnectionTimeout time.Duration // for dialling, TLS and login, and again for each lookup
	ConfirmTimeout    time.Duration // from publishing a message to its confirmation
	BlockedTimeout    time.Duration // while the broker has blocked the connection
	DeliveryMode      uint8         // 1 transient, 2 persistent
	Compression       string        // of message bodies: empty for none, gzip or zstd
}

// Rabbit returns the settings of the rabbit transport. The error joins an error for
// each value that must be changed.
func (f *File) Rabbit() (Rabbit, error) {
	s, err := f.required("rabbit", "at least host and port")
	if err != nil {
		return Rabbit{}, err
	}
	r := Rabbit{
		Hosts:             s.hosts(s.port()),
		UseSSL:            s.boolean("use_ssl", defaultUseSSL),
		VHost:             s.shortText("vhost", defaultVHost),
		Exchange:          s.shortText("exchange", ""),
		Heartbeat:         s.duration("heartbeat", defaultHeartbeat, time.Hour),
		ConnectionTimeout: s.duration("connection_timeout", defaultConnectionTimeout, longest),
		ConfirmTimeout:    s.duration("confirm_timeout", defaultConfirmTimeout, longest),
		BlockedTimeout:    s.duration("blocked_timeout", defaultBlockedTimeout, longest),
		DeliveryMode:      2,
		Compression:       s.compression(compressions...),
	}
	if s.choice("host_order", hostOrders...) == "random" {
		rand.Shuffle(len(r.Hosts), func(i, j int) { r.Hosts[i], r.Hosts[j] = r.Hosts[j], r.Hosts[i] })
	}
	if s.choice("delivery_mode", deliveryModes...) == "1" {
		r.DeliveryMode = 1
	}
	if _, ok := s.get("port"); !ok {
		if i := slices.IndexFunc(r.Hosts, func(h Host) bool { return h.Port == 0 }); i >= 0 {
			s.missing("port", "the port of "+r.Hosts[i].Name+", usually 5672, or 5671 with use_ssl")
		}
	}
	if e, ok := s.get("vhost"); ok && r.VHost == "" {
		s.wrong(e, "the name of a vhost; RabbitMQ's first vhost is named /")
	}
	s.login(&r)
	s.route(&r)
	options := f.section(queueSection)
	r.QueueOptions = options.queueOptions()
	s.errs = append(s.errs, options.errs...)
	r.TLS = s.tls(r.UseSSL)
	return r, s.err()
}

// login sets Username and Password. Only the default user has a default password.
func (s *section) login(r *Rabbit) {
	r.Username = s.text("username", defaultUsername)
	if e, ok := s.get("username"); ok && r.Username == "" {
		s.wrong(e, "a user of RabbitMQ")
	}
	before := len(s.errs)
	r.Password, r.PasswordFile = s.secret("password", "TSTAT_RABBIT_PASSWORD")
	switch {
	case r.Password.Reveal() != "", len(s.errs) > before: // set, or could not be read
	case r.Username == defaultUsername:
		r.Password = NewSecret(defaultPassword)
	case r.Username != "":
		s.missing("password", "the password of "+r.Username+", or set password_file or TSTAT_RABBIT_PASSWORD in the environment")
	}
}

// route sets Queue and RoutingKey. Exchange must be set before.
func (s *section) route(r *Rabbit) {
	r.Queue = s.shortText("queue", "")
	r.RoutingKey = s.shortText("routing_key", r.Queue)
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
		s.wrong(e, "the queue's name, or no routing_key at all, since exchange is empty")
	case ok && r.RoutingKey != r.Queue:
		s.file.warnAt(e, "exchange is empty, so messages go to the queue %q and not to %q; set queue and routing_key to the same name",
			r.RoutingKey, r.Queue)
	}
}
