package e2e

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/fakebroker"
	"tstat-transport/internal/transport"
)

// peer is a scripted broker in the place of the site's broker. A goroutine of its own
// answers messages, many at a time.
type peer struct {
	*fakebroker.Broker
	s *site

	mu      sync.Mutex
	pending []fakebroker.Message // not answered yet
	seen    map[string]int       // how often each message arrived, by message id

	// stop ends the answering. Messages that a run had sent may still arrive.
	stop func()
}

// startPeer starts a peer. Every 30 ms it calls answer with the messages that are not
// answered yet, in order of arrival. answer returns the messages that it leaves
// unanswered.
func startPeer(s *site, answer func(p *peer, pending []fakebroker.Message) []fakebroker.Message) *peer {
	s.t.Helper()
	p := &peer{s: s, seen: map[string]int{}}
	p.Broker = fakebroker.Start(s.t, func(int) fakebroker.Script {
		return func(m fakebroker.Message) {
			if !m.Mandatory {
				s.t.Errorf("message %s is not mandatory", m.MessageID)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.seen[m.MessageID]++
			p.pending = append(p.pending, m)
		}
	})
	s.Address(p.Addr())
	ended := make(chan struct{})
	var answering sync.WaitGroup
	answering.Go(func() {
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			p.mu.Lock()
			p.pending = answer(p, p.pending)
			p.mu.Unlock()
		}
	})
	p.stop = sync.OnceFunc(func() {
		close(ended)
		answering.Wait()
	})
	s.t.Cleanup(p.stop)
	return p
}

// mostArrivals returns how often the message arrived that arrived most often.
func (p *peer) mostArrivals() (most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.seen {
		most = max(most, n)
	}
	return most
}

// ack confirms a message and records it.
func (p *peer) ack(m fakebroker.Message) {
	p.record(m)
	m.Ack(false)
}

// record adds a message to those that arrived at the site.
func (p *peer) record(m fakebroker.Message) {
	p.s.got = append(p.s.got, amqp091.Delivery{
		MessageId: m.MessageID, Body: m.Body, DeliveryMode: amqp091.Persistent, ContentType: "application/json",
	})
}

// wantComplete wants the peer to have confirmed everything. It then checks that a run
// with a real broker finds nothing to send.
func (p *peer) wantComplete() {
	p.s.t.Helper()
	p.stop()
	p.s.direct()
	p.s.wantComplete()
}

// channel is a channel of one of the connections to the peer.
type channel struct {
	conn   *fakebroker.Conn
	number uint16
}

// byChannel groups messages by channel.
func byChannel(ms []fakebroker.Message) map[channel][]fakebroker.Message {
	groups := map[channel][]fakebroker.Message{}
	for _, m := range ms {
		c := channel{m.Conn, m.Channel}
		groups[c] = append(groups[c], m)
	}
	return groups
}

func shuffle(ms []fakebroker.Message) {
	rand.Shuffle(len(ms), func(i, j int) { ms[i], ms[j] = ms[j], ms[i] })
}

func TestConfirmedOutOfOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	p := startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		shuffle(pending)
		for _, m := range pending {
			p.ack(m)
		}
		return nil
	})
	s.send().want(allDone)
	p.wantComplete()
}

func TestConfirmedTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	p := startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		for _, ms := range byChannel(pending) {
			for _, m := range ms {
				p.record(m)
			}
			ms[len(ms)-1].Ack(true)
		}
		return nil
	})
	s.send().want(allDone)
	p.wantComplete()
}

// TestConfirmationsMixed: the first time that they arrive, some messages are refused, alone
// or several at once. The others are confirmed out of order.
func TestConfirmationsMixed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	refusedAtFirst := 0
	p := startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		for _, ms := range byChannel(pending) {
			half := len(ms) / 2
			first := ms[:half]
			if half > 0 && !slices.ContainsFunc(first, func(m fakebroker.Message) bool { return p.seen[m.MessageID] > 1 }) && rand.N(3) == 0 {
				refusedAtFirst += half
				first[half-1].Nack(true)
				ms = ms[half:]
			}
			shuffle(ms)
			for _, m := range ms {
				if p.seen[m.MessageID] == 1 && rand.N(5) == 0 {
					refusedAtFirst++
					m.Nack(false)
				} else {
					p.ack(m)
				}
			}
		}
		return nil
	})
	s.send().want(allDone)
	p.wantComplete()
	if refusedAtFirst == 0 {
		t.Error("nothing was refused")
	}
}

// TestConfirmedWithGaps: the first message of each log is never confirmed, and all others
// are. Nothing behind the first message may count as sent.
func TestConfirmedWithGaps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	s.Rabbit["confirm_timeout"] = "3"
	gaps := map[string]bool{} // the logs' first messages
	p := startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		return slices.DeleteFunc(pending, func(m fakebroker.Message) bool {
			if strings.Contains(m.MessageID, "@0-") { // the first message of a log
				gaps[m.MessageID] = true
				return false
			}
			p.ack(m)
			return true
		})
	})
	program := s.start()
	program.awaitLog("connection_lost")
	program.Signal(syscall.SIGTERM)
	program.wait().want(tryAgain)
	p.stop()
	if len(gaps) == 0 {
		t.Error("no message was left unconfirmed")
	}
	s.wantNoneMarked()
	s.wantRecovery()
}

// TestNeverConfirmed: the run sends messages again after a time-out, and gives up at last.
func TestNeverConfirmed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.repeats = true
	s.Rabbit["confirm_timeout"] = "2"
	p := startPeer(s, func(_ *peer, pending []fakebroker.Message) []fakebroker.Message { return pending })
	s.send().want(tryAgain, "not confirmed within 2s", p.Addr())
	p.stop()
	s.wantNoneMarked()
	if p.mostArrivals() < 2 {
		t.Error("nothing was sent again")
	}
	s.wantRecovery()
}

// TestReturned: every message is returned and then confirmed, as a broker does with an
// unroutable message. The return counts.
func TestReturned(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		if len(pending) > 0 { // the run has begun
			p.QueueMissing()
		}
		for _, m := range pending { // first all returns, then one confirmation for each channel
			m.Return(312, "NO_ROUTE")
		}
		for _, ms := range byChannel(pending) {
			ms[len(ms)-1].Ack(true)
		}
		return nil
	})
	// One connection only: a second one might look up the queue after it is missing.
	s.send("--connections", "1", "--window", "50").want(misconfigured, "unroutable", "NO_ROUTE")
	s.wantNoneMarked()
	s.wantRecovery()
}

// TestPeerReadsNothing: the broker sends heartbeats, but reads nothing.
func TestPeerReadsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.fillOne() // with the logs of fill, more than the sockets' buffers hold
	p := fakebroker.Start(t, func(int) fakebroker.Script {
		return func(m fakebroker.Message) { m.Conn.StopReading() }
	})
	s.Address(p.Addr())
	o := s.impatient()
	o.ConfirmTimeout, o.Window, o.Channels = time.Minute, 256, 1 // so that the time-out of a write comes first
	err := s.runInside(o)
	wantVerdict(t, err, transport.Retry, " bytes within 2s")
	s.wantNoneMarked()
	s.wantRecovery()
}
