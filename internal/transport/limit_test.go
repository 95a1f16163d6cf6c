package transport_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
)

const directory = "/srv/tstat/2016_02_17_12_53.out"

// padded returns a message with this many bytes of padding in its body. padding must be
// below 5000: transporttest pads message n with n%5000 bytes.
func padded(padding int) *transport.Message { return transporttest.Message(directory, padding) }

// recorder accepts each message at once and keeps when it came.
type recorder struct {
	mu    sync.Mutex
	times []time.Time
	err   error // what Send returns
}

func (r *recorder) Send(context.Context, *transport.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, time.Now())
	return r.err
}

func (r *recorder) Close(context.Context) error { return nil }

type finisher struct{ recorder }

func (*finisher) Finish(context.Context, string, string) error { return nil }

// TestLimit: messages from many goroutines arrive at the rate in every five seconds, at a
// slow and at a fast rate.
func TestLimit(t *testing.T) {
	const senders, each = 128, 20
	for _, rate := range []int64{12_000, 300_000} {
		synctest.Test(t, func(t *testing.T) {
			r := new(recorder)
			l := transport.Limit(r, rate)
			size := len(padded(2999).Body)
			began := time.Now()
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for range each {
						if err := l.Send(t.Context(), padded(2999)); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			sending := time.Duration(float64(size) / float64(rate) * float64(time.Second))
			if first := r.times[0].Sub(began); first > sending+time.Microsecond {
				t.Errorf("%d B/s: the first message came after %v, want %v", rate, first, sending)
			}
			for i := range r.times {
				end := r.times[i].Add(5 * time.Second)
				n := i
				for n < len(r.times) && r.times[n].Before(end) {
					n++
				}
				if n == len(r.times) {
					break
				}
				// A window may hold one message more or less than the rate.
				got, want := float64((n-i)*size), float64(5*rate)
				if tolerance := float64(size); got < want-tolerance || got > want+tolerance {
					t.Fatalf("%d B/s: five seconds from message %d had %.0f bytes, want %.0f", rate, i, got, want)
				}
			}
		})
	}
}

// TestLimitAfterPause: time in which nothing was sent does not let messages through faster
// later.
func TestLimitAfterPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := transport.Limit(new(recorder), 1000)
		m := padded(900)
		sending := time.Duration(len(m.Body)) * time.Millisecond
		for range 3 {
			began := time.Now()
			if err := l.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took < sending-time.Microsecond {
				t.Errorf("took %v, want %v", took, sending)
			}
			time.Sleep(time.Minute) //nolint:forbidigo // the clock of the bubble, so nobody waits
		}
	})
}

// TestLimitRefused: once a message is refused, the waiting messages fail at once.
func TestLimitRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{err: &transport.Error{Verdict: transport.Refused, Err: errors.New("no permission")}}
		l := transport.Limit(r, 1000)
		m := padded(900)
		began := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := l.Send(t.Context(), m); transport.VerdictOf(err) != transport.Refused {
					t.Errorf("error is %v, want the refusal", err)
				}
			})
		}
		wg.Wait()
		if sending, took := time.Duration(len(m.Body))*time.Millisecond, time.Since(began); took > sending+time.Microsecond || len(r.times) != 1 {
			t.Errorf("took %v and %d messages, want %v and one", took, len(r.times), sending)
		}
	})
}

func TestLimitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		l := transport.Limit(r, 100)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := l.Send(ctx, padded(4999))
		if err == nil || transport.VerdictOf(err) != transport.Retry || len(r.times) > 0 {
			t.Errorf("error is %v, %d messages were sent", err, len(r.times))
		}
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestLimitFinisher(t *testing.T) {
	if _, ok := transport.Limit(new(recorder), 100).(transport.Finisher); ok {
		t.Error("Limit has made a Finisher of a transport that is none")
	}
	if _, ok := transport.Limit(new(finisher), 100).(transport.Finisher); !ok {
		t.Error("Limit has made a Finisher a plain transport")
	}
}
