package e2e

import (
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/fakebroker"
	"tstat-transport/internal/transport"
)

// peer answers messages from a goroutine of its own, as the test says, some at
// a time. What it confirmed it has taken for good.
type peer struct {
	*fakebroker.Broker
	s *site

	mu      sync.Mutex
	pending []fakebroker.Message
	seen    map[string]int // how often a message came

	// stop ends the answering; from then on the test may look at everything.
	stop func()
}

// startPeer is a scripted broker in the place of the site's. Some milliseconds
// after messages came, answer gets all that are not answered, in order, and
// returns those that stay so.
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

// ack confirms a message; it counts as arrived.
func (p *peer) ack(m fakebroker.Message, multiple bool) {
	p.take(m)
	m.Ack(multiple)
}

func (p *peer) take(m fakebroker.Message) {
	p.s.got = append(p.s.got, amqp091.Delivery{
		MessageId: m.MessageID, Body: m.Body, DeliveryMode: amqp091.Persistent, ContentType: "application/json",
	})
}

// tookAll checks, after the run, what the peer has confirmed, and what a real
// broker gets then.
func (p *peer) tookAll() {
	p.s.t.Helper()
	p.stop()
	p.s.direct()
	p.s.Node.DeclareQueue(p.s.t, p.s.VHost, queue, nil)
	p.s.complete()
}

// channel is a channel of one of a run's connections.
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
	s := shared(t)
	s.fill()
	p := startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		shuffle(pending)
		for _, m := range pending {
			p.ack(m, false)
		}
		return nil
	})
	s.send().want(allDone)
	p.tookAll()
}

func TestConfirmedTogether(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	p := startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		for _, ms := range byChannel(pending) {
			for _, m := range ms {
				p.take(m)
			}
			ms[len(ms)-1].Ack(true)
		}
		return nil
	})
	s.send().want(allDone)
	p.tookAll()
}

// TestConfirmationsMixed: some are refused at first, alone or several at once,
// others confirmed meanwhile, out of order.
func TestConfirmationsMixed(t *testing.T) {
	t.Parallel()
	s := shared(t)
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
					p.ack(m, false)
				}
			}
		}
		return nil
	})
	s.send().want(allDone)
	p.tookAll()
	if refusedAtFirst == 0 {
		t.Error("nothing was refused")
	}
}

// TestConfirmedWithGaps: of each log, the first message is never confirmed. The
// rest is: nothing may count as done beyond the gap.
func TestConfirmedWithGaps(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	s.Rabbit["confirm_timeout"] = "3"
	gaps := map[string]bool{} // the logs' first messages
	p := startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		return slices.DeleteFunc(pending, func(m fakebroker.Message) bool {
			if isFirst(m.MessageID) {
				gaps[m.MessageID] = true
				return false
			}
			p.ack(m, false)
			return true
		})
	})
	program := s.start()
	program.says("connection_lost")
	program.Signal(syscall.SIGTERM)
	program.wait().want(tryAgain)
	p.stop()
	if len(gaps) == 0 {
		t.Error("no message was left unconfirmed")
	}
	s.noneMarked()
	s.direct()
	s.Node.DeclareQueue(t, s.VHost, queue, nil)
	s.recover()
}

// isFirst tells the id of a log's first message.
func isFirst(id string) bool {
	at := slices.Index([]byte(id), '@')
	return at >= 0 && len(id) > at+2 && id[at+1:at+3] == "0-"
}

// TestNeverConfirmed: time-outs, resends, and then the run gives up.
func TestNeverConfirmed(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.repeats = true
	s.Rabbit["confirm_timeout"] = "2"
	p := startPeer(s, func(_ *peer, pending []fakebroker.Message) []fakebroker.Message { return pending })
	s.send().want(tryAgain, "not confirmed within 2s", p.Addr()).within(110 * time.Second)
	p.stop()
	s.noneMarked()
	again := 0
	for _, n := range p.seen {
		again = max(again, n)
	}
	if again < 2 {
		t.Error("nothing was sent again")
	}
	s.direct()
	s.recover()
}

// TestReturned: everything comes back, returned and then confirmed, as a broker
// does with what is unroutable. The return counts.
func TestReturned(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	startPeer(s, func(p *peer, pending []fakebroker.Message) []fakebroker.Message {
		if len(pending) > 0 { // the run has begun
			p.QueueMissing()
		}
		for _, m := range pending { // a whole window of returns, then one confirmation
			m.Return(312, "NO_ROUTE")
		}
		for _, ms := range byChannel(pending) {
			ms[len(ms)-1].Ack(true)
		}
		return nil
	})
	// One connection: another would look the queue up when it is missing.
	s.send("--connections", "1", "--window", "50").want(misconfigured, "unroutable", "NO_ROUTE")
	s.noneMarked()
	s.direct()
	s.recover()
}

// TestPeerReadsNothing: heartbeats come, and what is written is not read.
func TestPeerReadsNothing(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.fill()
	s.fillOne() // together more than the sockets' buffers take
	p := fakebroker.Start(t, func(int) fakebroker.Script {
		return func(m fakebroker.Message) { m.Conn.StopReading() }
	})
	s.Address(p.Addr())
	o := s.impatient()
	o.ConfirmTimeout, o.Window, o.Channels = time.Minute, 256, 1 // it is the write that must end
	began := time.Now()
	err := s.runInside(o)
	wantKind(t, err, transport.Retry, "took no data for 2s")
	if took := time.Since(began); took > 45*time.Second {
		t.Errorf("took %v", took)
	}
	s.noneMarked()
	s.direct()
	s.recover()
}
