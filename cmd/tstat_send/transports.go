package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"tstat-transport/internal/amqp"
	"tstat-transport/internal/cli"
	"tstat-transport/internal/config"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/file"
	"tstat-transport/internal/transport/httppost"
	"tstat-transport/internal/transport/stdout"
)

// backend is the transport that flags and configuration describe, before it is opened.
type backend struct {
	// open and check return errors with a verdict of package transport.
	open  func(context.Context) (transport.Transport, error)
	check func(context.Context) []transport.Finding
	// compression is the content coding that the pipeline applies to messages; empty for none.
	compression string
}

// transports are the values of --transport.
var transports = []string{"rabbit", "http", "file"}

// openTransport opens the configured transport. compressor is nil if the pipeline does not
// compress messages.
func (c *command) openTransport(ctx context.Context, tel *telemetry, out io.Writer) (t transport.Transport, compressor *transport.Compressor, err error) {
	b, err := c.backend(tel.log, out)
	for _, warning := range c.warnings() {
		tel.log.Warn("configuration_odd", "error", warning)
	}
	if err != nil {
		return nil, nil, err
	}
	if b.compression != "" {
		if compressor, err = transport.NewCompressor(b.compression); err != nil {
			return nil, nil, misconfigured(err)
		}
	}
	if t, err = b.open(ctx); err != nil {
		return nil, nil, err
	}
	tel.reportDelivery(t)
	if c.MaxRate.bytes > 0 {
		t = transport.Limit(t, c.MaxRate.bytes)
	}
	return t, compressor, nil
}

// warnings returns the warnings about the configuration. The method backend adds to them,
// since it reads the section of the transport.
func (c *command) warnings() []string {
	if c.NoTransport || c.configuration.file == nil {
		return nil
	}
	return c.configuration.file.Warnings()
}

// backend returns the configured transport.
func (c *command) backend(log *slog.Logger, out io.Writer) (b backend, err error) {
	ini, err := c.configuration.file, c.configuration.err
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: give an existing file with --config", err)
	}
	if err != nil {
		return backend{}, misconfigured(err)
	}
	if c.NoTransport {
		return backend{
			open: func(ctx context.Context) (transport.Transport, error) {
				return stdout.New(stoppable(ctx, out), c.Pretty), nil
			},
			check: func(context.Context) []transport.Finding {
				return []transport.Finding{{Text: "messages are printed, and no directory is marked"}}
			},
		}, nil
	}
	switch c.Transport {
	case "http":
		b, err = c.httpBackend(ini, log)
	case "file":
		b, err = c.fileBackend(ini, log)
	default:
		b, err = c.rabbitBackend(ini, log)
	}
	if err != nil {
		return backend{}, misconfigured(err)
	}
	return b, nil
}

func misconfigured(err error) error {
	return &transport.Error{Verdict: transport.Misconfigured, Err: err}
}

func (c *command) rabbitBackend(ini *config.File, log *slog.Logger) (backend, error) {
	r, err := ini.Rabbit()
	if err != nil {
		return backend{}, err
	}
	o := amqp.Options{
		Username: r.Username, Password: password(r, log), VHost: r.VHost,
		Queue: r.Queue, RoutingKey: r.RoutingKey, Exchange: r.Exchange,
		QueueOptions: amqp.QueueOptions(r.QueueOptions),
		Connections:  c.Connections, Channels: c.Channels, Window: int(c.Window),
		Heartbeat: r.Heartbeat, ConnectionTimeout: r.ConnectionTimeout,
		ConfirmTimeout: r.ConfirmTimeout, BlockedTimeout: r.BlockedTimeout,
		DeliveryMode: r.DeliveryMode,
		Name:         fmt.Sprintf("tstat_send %s instance %s pid %d", c.Sensor, c.instanceName(), os.Getpid()),
		Log:          log,
	}
	for _, h := range r.Hosts {
		o.Hosts = append(o.Hosts, h.String())
	}
	if r.UseSSL {
		if o.TLS, err = r.TLS.Config(); err != nil {
			return backend{}, err
		}
	}
	return backend{
		open:  func(ctx context.Context) (transport.Transport, error) { return amqp.Open(ctx, o) },
		check: func(ctx context.Context) []transport.Finding { return amqp.Check(ctx, o) },

		compression: r.Compression,
	}, nil
}

// password returns a function that returns the password for a login. It reads a password
// file at each login, since the password may change during a run.
func password(r config.Rabbit, log *slog.Logger) func() string {
	if r.PasswordFile == nil {
		return r.Password.Reveal
	}
	return func() string {
		p, err := r.PasswordFile.Read()
		if err != nil {
			log.Warn("password_unreadable", "error", err, "hint", "the last password read is used: make the file readable")
		}
		return p.Reveal()
	}
}

func (c *command) httpBackend(ini *config.File, log *slog.Logger) (backend, error) {
	h, err := ini.HTTP()
	if err != nil {
		return backend{}, err
	}
	o := httppost.Options{
		URL: h.URL, Username: h.Username, Password: h.Password.Reveal, Token: h.Token.Reveal,
		Timeout: h.Timeout, Compression: h.Compression,
		IdleConns: c.publishers(),
		UserAgent: "tstat_send/" + build.Version,
		Log:       log,
	}
	if strings.HasPrefix(h.URL, "https:") {
		if o.TLS, err = h.TLS.Config(); err != nil {
			return backend{}, err
		}
	}
	t, err := httppost.New(o)
	if err != nil {
		return backend{}, err
	}
	return backend{
		open:  func(context.Context) (transport.Transport, error) { return t, nil },
		check: t.Check,
	}, nil
}

func (c *command) fileBackend(ini *config.File, log *slog.Logger) (backend, error) {
	f, err := ini.FileTransport()
	if err != nil {
		return backend{}, err
	}
	o := file.Options{Path: f.Path, Format: f.Format, Compression: f.Compression, Log: log}
	return backend{
		open:  func(context.Context) (transport.Transport, error) { return file.Open(o) },
		check: func(context.Context) []transport.Finding { return file.Check(o) },
	}, nil
}

// instanceOf returns the instance id of a root's flows, as text.
func (c *command) instanceOf(r cli.Root) string {
	if r.Instance != "" {
		return r.Instance
	}
	return c.instanceName()
}

func (c *command) instanceName() string {
	if c.Instance == nil {
		return "0"
	}
	return *c.Instance
}
