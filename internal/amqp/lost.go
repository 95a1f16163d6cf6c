package amqp

import (
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/transport"
)

// lost returns the error of a queue, or of the vhost around it, that is gone
// after it took messages of this run.
func (o *Options) lost(what string, err error) *transport.Error {
	return &transport.Error{Verdict: transport.Misconfigured, Err: &textError{
		what + " is gone, with the messages that this run had sent to it: find out who deleted it, and create it again unless a run declares it; the next run sends the messages again",
		errors.Join(transport.ErrDestinationLost, err)}}
}

// noteCluster records which cluster host belongs to, as conn, a connection to
// host, says.
func (p *Publisher) noteCluster(host string, conn *amqp.Connection) {
	if name, _ := conn.Properties["cluster_name"].(string); name != "" {
		p.clusters.Store(host, name)
	}
}

// hasConfirmed reports whether the broker has confirmed messages in this run, at
// host or at another host of the same cluster.
func (p *Publisher) hasConfirmed(host string) (confirmed bool) {
	cluster, _ := p.clusters.Load(host)
	p.confirmedHosts.Range(func(other, _ any) bool {
		its, _ := p.clusters.Load(other)
		confirmed = other == host || cluster != nil && its == cluster
		return !confirmed
	})
	return confirmed
}

// vhostLost returns err, of logging in to host, or that the vhost is gone with
// the messages in it.
func (p *Publisher) vhostLost(host string, err error) error {
	e, ok := errors.AsType[*amqp.Error](err)
	if ok && e.Server && e.Code == amqp.NotAllowed && vhostMissing.MatchString(e.Reason) && p.hasConfirmed(host) {
		return p.o.lost(err.Error()+": the vhost", err)
	}
	return err
}
