package amqp

import (
	"errors"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// destinationLost returns the error of a queue or vhost that was deleted after it had
// accepted messages of this run. what names the queue or vhost.
func (o *Options) destinationLost(what string, err error) *transport.Error {
	return &transport.Error{Verdict: transport.Misconfigured, Err: &textError{
		what + " was deleted, and with it messages that this run had delivered: find out who deleted it; create it again, unless tstat_send declares it; the next run sends the messages again",
		errors.Join(transport.ErrDestinationLost, err)}}
}

// noteCluster records which cluster host belongs to. conn is a connection to host.
func (p *Publisher) noteCluster(host string, conn *amqp091.Connection) {
	if name, _ := conn.Properties["cluster_name"].(string); name != "" {
		p.clusters.Store(host, name)
	}
}

// hasConfirmed reports whether the broker has confirmed messages in this run, at
// host or at another host of the same cluster.
func (p *Publisher) hasConfirmed(host string) (confirmed bool) {
	cluster, _ := p.clusters.Load(host)
	p.confirmedHosts.Range(func(other, _ any) bool {
		otherCluster, _ := p.clusters.Load(other)
		confirmed = other == host || cluster != nil && otherCluster == cluster
		return !confirmed
	})
	return confirmed
}
