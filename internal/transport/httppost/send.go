package httppost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tstat-transport/internal/transport"
)

// Send posts m and returns nil once the server has answered 2xx. After a
// failure with the verdict Retry it tries again, up to o.Attempts times in all. The
// last try starts within o.RetryTimeout of the first failure.
func (h *Transport) Send(ctx context.Context, m *transport.Message) error {
	// A copy, since net/http may still read the body after the answer has arrived.
	body := h.compressor.Append(nil, m.Body)
	var firstFailure time.Time
	for tries := 1; ; tries++ {
		retryAfter, failure := h.post(ctx, m.ID, body)
		switch {
		case failure == nil:
			return nil
		case ctx.Err() != nil:
			return h.wrap(m, stopped(ctx))
		case failure.Verdict != transport.Retry, tries >= h.o.Attempts:
			return h.wrap(m, failure)
		}
		if tries == 1 {
			firstFailure = time.Now()
		}
		wait := h.wait(tries, retryAfter)
		if time.Since(firstFailure)+wait > h.o.RetryTimeout {
			return h.wrap(m, fmt.Errorf("%w (tried %d times; the next try would be in %v, and no try starts later than %v after the first failure)",
				failure, tries, wait.Round(time.Millisecond), h.o.RetryTimeout))
		}
		h.o.Log.Debug("message_resent", "message", m.ID, "failures", tries, "wait", wait, "error", failure)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return h.wrap(m, stopped(ctx))
		}
	}
}

func stopped(ctx context.Context) error {
	return fmt.Errorf("not confirmed before the run was stopped: %w", context.Cause(ctx))
}

// wrap adds the server and the message to err and keeps the verdict of err.
func (h *Transport) wrap(m *transport.Message, err error) *transport.Error {
	return &transport.Error{Verdict: transport.VerdictOf(err), Err: fmt.Errorf("http %s: message %s: %w", h.name, m.ID, err)}
}

// wait returns how long to wait before the next try: the time that the server asks for,
// else a time that doubles with each failure and is random in part, so that concurrent
// Sends do not retry at the same moment.
func (h *Transport) wait(failures int, retryAfter string) time.Duration {
	if asked, ok := parseRetryAfter(retryAfter, h.o.RetryTimeout); ok {
		return asked
	}
	d := min(h.o.Backoff<<min(failures-1, 20), h.o.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// parseRetryAfter parses a Retry-After header: seconds, or a date. ok is false for 0
// seconds, for a date in the past, and for a date more than limit ahead, which means that
// a clock is wrong.
func parseRetryAfter(text string, limit time.Duration) (wait time.Duration, ok bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, seconds > 0
	}
	at, err := http.ParseTime(text)
	wait = time.Until(at)
	return wait, err == nil && wait > 0 && wait <= limit
}

// post sends one request. If failure is nil, the server has confirmed the message.
// Otherwise retryAfter is the Retry-After header of the answer, if any.
func (h *Transport) post(ctx context.Context, id string, body []byte) (retryAfter string, failure *transport.Error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := h.request(ctx, http.MethodPost, body)
	if err != nil {
		return "", classifyError(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", headerText(id))
	if name := h.compressor.Name(); name != "" {
		req.Header.Set("Content-Encoding", name)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return "", classifyError(err)
	}
	defer drain(resp, cancel)
	return resp.Header.Get("Retry-After"), classifyAnswer(resp)
}

// request returns a request with the credentials.
func (h *Transport) request(ctx context.Context, method string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, h.o.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &transport.Error{Verdict: transport.Misconfigured, Err: errors.New("url cannot be used")}
	}
	req.Header.Set("User-Agent", h.o.UserAgent)
	if h.o.Username != "" {
		req.SetBasicAuth(h.o.Username, h.o.Password())
	} else if token := h.o.Token(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// drainTime is how long the body of an answer may take. The body does not matter. If it
// takes longer, the connection is closed and cannot be used again.
const drainTime = time.Second

// drain reads and closes the body of a response, so that the connection can be used
// again. It reads within limits. cancel ends the request.
func drain(resp *http.Response, cancel context.CancelFunc) {
	// After 101 the body is the connection itself, which cancel does not end.
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t := time.AfterFunc(drainTime, cancel)
		defer t.Stop()
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	}
	_ = resp.Body.Close()
}

// headerText returns id as the value of a header: escaped if id has a byte that is not
// printable ASCII.
func headerText(id string) string {
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return url.PathEscape(id)
		}
	}
	return id
}
