package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"tstat-transport/internal/amqp"
	"tstat-transport/internal/config"
	"tstat-transport/internal/transport"
)

// openTransport opens what the command line asks for.
func (c *command) openTransport(ctx context.Context, log *slog.Logger, stdout io.Writer) (transport.Transport, error) {
	if c.NoTransport {
		return transport.NewStdout(stdout, c.Pretty), nil
	}
	file, err := config.Load(c.Config)
	if err != nil {
		return nil, misconfigured(err)
	}
	defer func() {
		for _, w := range file.Warnings() {
			log.Warn("configuration", "reason", w)
		}
	}()
	o, err := c.rabbit(file)
	if err != nil {
		return nil, misconfigured(err)
	}
	o.Log = log
	return amqp.Open(ctx, o)
}

func misconfigured(err error) error {
	return &transport.Error{Kind: transport.Misconfigured, Err: err}
}

// rabbit are the options for RabbitMQ from the file and the command line.
func (c *command) rabbit(file *config.File) (amqp.Options, error) {
	r, err := file.Rabbit()
	if err != nil {
		return amqp.Options{}, err
	}
	o := amqp.Options{
		Username: r.Username, Password: r.Password.Reveal, VHost: r.VHost,
		Queue: r.Queue, RoutingKey: r.RoutingKey, Exchange: r.Exchange,
		QueueOptions: amqp.QueueOptions(r.QueueOptions),
		Connections:  c.Connections, Channels: c.Channels, Window: c.Window,
		Heartbeat: r.Heartbeat, ConnectionTimeout: r.ConnectionTimeout,
		ConfirmTimeout: r.ConfirmTimeout, BlockedTimeout: r.BlockedTimeout,
		DeliveryMode: r.DeliveryMode, Compression: r.Compression,
		Name: fmt.Sprintf("tstat_send %s instance %s pid %d", c.Sensor, c.instanceName(), os.Getpid()),
	}
	for _, h := range r.Hosts {
		o.Hosts = append(o.Hosts, h.String())
	}
	if r.UseSSL {
		if o.TLS, err = r.TLS.Config(); err != nil {
			return amqp.Options{}, err
		}
	}
	return o, nil
}

func (c *command) instanceName() string {
	if c.Instance == nil {
		return "0"
	}
	return *c.Instance
}
