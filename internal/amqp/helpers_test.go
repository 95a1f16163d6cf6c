package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
	"tstat-transport/internal/transport"
)

func TestMain(m *testing.M) { rabbittest.Main(m) }

const queue = "flows"

// options returns options for a test on n, with timeouts of seconds.
func options(t testing.TB, n *rabbittest.Node, vhost string) Options {
	return Options{
		Hosts:             []string{n.Addr()},
		Username:          rabbittest.User,
		Password:          func() string { return rabbittest.Password },
		VHost:             vhost,
		Queue:             queue,
		QueueOptions:      QueueOptions{Durable: true},
		Connections:       1,
		Window:            16,
		ConnectionTimeout: 5 * time.Second,
		WriteTimeout:      5 * time.Second,
		ConfirmTimeout:    10 * time.Second,
		BlockedTimeout:    10 * time.Second,
		RetryTimeout:      20 * time.Second,
		Backoff:           20 * time.Millisecond,
		MaxBackoff:        500 * time.Millisecond,
		Name:              t.Name(),
		Log:               testLog(t),
	}
}

// testLog returns a logger that writes to t's log and fails t if a line has the password.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(logWriter{t, nil}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// watchLog gives o a logger like testLog. happened(event) returns a function that reports
// whether the event has been logged.
func watchLog(t testing.TB, o *Options) (happened func(event string) func() bool) {
	var seen sync.Map
	o.Log = slog.New(slog.NewTextHandler(logWriter{t, &seen}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return func(event string) func() bool {
		return func() bool {
			found := false
			seen.Range(func(line, _ any) bool {
				found = strings.Contains(line.(string), "msg="+strconv.Quote(event)) || strings.Contains(line.(string), "msg="+event+" ")
				return !found
			})
			return found
		}
	}
}

type logWriter struct {
	t    testing.TB
	seen *sync.Map // the lines; nil if they are not kept
}

func (w logWriter) Write(line []byte) (int, error) {
	noSecret(w.t, string(line))
	w.t.Log(strings.TrimSuffix(string(line), "\n"))
	if w.seen != nil {
		w.seen.Store(string(line), true)
	}
	return len(line), nil
}

// secret stands for a password in tests of refusals.
const secret = "p4ss:w/rd%"

func noSecret(t testing.TB, text string) {
	t.Helper()
	if strings.Contains(text, secret) {
		t.Errorf("the password is in %q", text)
	}
}

// deadHost returns a host:port at which nobody listens.
func deadHost(t testing.TB) string {
	t.Helper()
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// open opens a publisher that is closed when t ends.
func open(t testing.TB, o Options) *Publisher {
	t.Helper()
	p, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeWithin(t, p, 10*time.Second) })
	return p
}

// channelOf opens a channel on a connection that is closed when t ends.
func channelOf(t testing.TB, n *rabbittest.Node, vhost string) *amqp091.Channel {
	t.Helper()
	ch, err := n.Dial(t, vhost).Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// awaitConnections waits until p has count connections.
func awaitConnections(t testing.TB, p *Publisher, count int) {
	t.Helper()
	eventually(t, 10*time.Second, fmt.Sprintf("%d connections", count), func() bool {
		p.sessions.mu.Lock()
		defer p.sessions.mu.Unlock()
		return p.sessions.n == count
	})
}

// soon bounds a Close that must not wait for the peer longer than closeWait. A Close that
// waits until the publisher is killed takes closeTimeout.
const soon = closeTimeout - 500*time.Millisecond

// closeWithin closes p and fails t if it takes longer than limit.
func closeWithin(t testing.TB, p *Publisher, limit time.Duration) {
	t.Helper()
	began := time.Now()
	if err := p.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(began); took > limit {
		t.Errorf("Close took %v, want at most %v", took, limit)
	}
}

func id(i int) string { return fmt.Sprintf("sensor/0/2016.out/log_tcp_complete@%d", i) }

func message(i, size int) *transport.Message {
	body := fmt.Appendf(nil, `[{"n":%d,"pad":"`, i)
	body = append(body, strings.Repeat("x", max(0, size-len(body)-3))...)
	return &transport.Message{ID: id(i), Body: append(body, `"}]`...), Flows: 1}
}

// sending holds the outcomes of messages that goroutines send.
type sending struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs map[int]error // the errors of failed messages, by number
	ok   int           // confirmed messages
}

// pack packs m, as the pipeline packs messages when many bytes are in flight.
func pack(m *transport.Message) *transport.Message {
	m.Size, m.Body, m.Encoding = len(m.Body), transport.Pack(nil, m.Body), transport.Packed
	return m
}

// send starts to send messages first to last-1 of size bytes, width at a time, until ctx
// ends. The messages with an odd number are packed.
func send(ctx context.Context, p *Publisher, first, last, size, width int) *sending {
	s := &sending{errs: map[int]error{}}
	next := make(chan int)
	go func() {
		defer close(next)
		for i := first; i < last && ctx.Err() == nil; i++ {
			next <- i
		}
	}()
	for range width {
		s.wg.Go(func() {
			for i := range next {
				m := message(i, size)
				if i%2 == 1 {
					m = pack(m)
				}
				err := p.Send(ctx, m)
				s.mu.Lock()
				if err == nil {
					s.ok++
				} else {
					s.errs[i] = err
				}
				s.mu.Unlock()
			}
		})
	}
	return s
}

func (s *sending) confirmed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ok
}

// await waits for all messages and fails t unless all are confirmed.
func (s *sending) await(t testing.TB) {
	t.Helper()
	s.wg.Wait()
	for i, err := range s.errs {
		t.Fatalf("%d messages were not confirmed; message %d: %v", len(s.errs), i, err)
	}
}

// awaitFailure waits for all messages and fails t unless all fail with the verdict and
// words.
func (s *sending) awaitFailure(t testing.TB, verdict transport.Verdict, words ...string) {
	t.Helper()
	s.wg.Wait()
	if s.ok > 0 {
		t.Errorf("%d messages were confirmed, want none", s.ok)
	}
	for _, err := range s.errs {
		wantError(t, err, verdict, words...)
	}
}

// wantError fails t unless err has the verdict and its text has all of words.
func wantError(t testing.TB, err error, verdict transport.Verdict, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want one with the verdict %d and %q", verdict, words)
		return
	}
	noSecret(t, err.Error())
	if _, ok := errors.AsType[*transport.Error](err); !ok {
		t.Errorf("error %v is a %T, want a *transport.Error", err, err)
	}
	if got := transport.VerdictOf(err); got != verdict {
		t.Errorf("error %q has the verdict %d, want %d", err, got, verdict)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// howOften says how often a message must be in the queue.
type howOften bool

const (
	exactlyOnce howOften = false
	atLeastOnce howOften = true
)

// wantInQueue empties the queue and fails t unless it held each of the messages first to
// last-1 exactlyOnce or atLeastOnce, and no other message.
func wantInQueue(t testing.TB, n *rabbittest.Node, vhost string, first, last, size int, times howOften) {
	t.Helper()
	wantDelivered(t, n.Drain(t, vhost, queue), first, last, size, times)
}

// wantDelivered is wantInQueue for messages that were taken out of the queue.
func wantDelivered(t testing.TB, deliveries []amqp091.Delivery, first, last, size int, times howOften) {
	t.Helper()
	bodies := map[string][]string{}
	for _, d := range deliveries {
		bodies[d.MessageId] = append(bodies[d.MessageId], string(d.Body))
	}
	for i := first; i < last; i++ {
		m := message(i, size)
		got := bodies[m.ID]
		if len(got) == 0 || len(got) > 1 && times == exactlyOnce {
			t.Errorf("message %d is %d times in the queue", i, len(got))
		}
		for _, b := range got {
			if b != string(m.Body) {
				t.Errorf("message %d has changed on its way", i)
			}
		}
		delete(bodies, m.ID)
	}
	if len(bodies) > 0 {
		t.Errorf("%d ids in the queue that were not sent", len(bodies))
	}
}

// eventually polls until done returns true, and fails t after limit.
func eventually(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); pause(t.Context(), 5*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s, which did not happen", limit, what)
		}
	}
}
