package transport_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"tstat-transport/internal/test/transporttest"
	"tstat-transport/internal/transport"
)

func TestLimit(t *testing.T) {
	const bytesPerSecond = 100_000
	folder := t.TempDir()
	l := transport.Limit(openFolder(t, transport.FileOptions{Path: folder}), bytesPerSecond)
	began := time.Now()
	sent := 0
	var wg sync.WaitGroup
	for n := range 20 {
		m := transporttest.Message(directory, 4999)
		sent += len(m.Body)
		wg.Go(func() {
			if err := l.Send(t.Context(), m); err != nil {
				t.Errorf("message %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	// What may go at once is a tenth of a second's worth.
	least := time.Duration(float64(time.Second) * (float64(sent)/bytesPerSecond - 0.1))
	if took := time.Since(began); took < least || took > 2*least {
		t.Errorf("%d bytes took %v, want %v or a little more", sent, took, least)
	}
	f, ok := l.(transport.Finisher)
	if !ok {
		t.Fatal("a limited file is no Finisher")
	}
	if err := f.Finish(t.Context(), "0", directory); err != nil {
		t.Fatal(err)
	}
	if got := len(readFolder(t, folder)); got != 20 {
		t.Errorf("%d messages in the file, want 20", got)
	}
}

func TestLimitEndsWithContext(t *testing.T) {
	s := newServer(t)
	s.Start()
	l := transport.Limit(newHTTP(t, transport.HTTPOptions{URL: s.URL}), 100)
	if _, ok := l.(transport.Finisher); ok {
		t.Error("a limited http is a Finisher")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := l.Send(ctx, transporttest.Message(directory, 4999)); transport.VerdictOf(err) != transport.Retry || err == nil {
		t.Errorf("error is %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if got := s.received(t); got != nil {
		t.Errorf("received %q", got)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
