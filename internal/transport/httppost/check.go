package httppost

import (
	"context"
	"fmt"
	"net/http"

	"tstat-transport/internal/transport"
)

// Check sends one OPTIONS request with the credentials. It sends no message.
func (h *Transport) Check(ctx context.Context) []transport.Finding {
	failed := func(err *transport.Error) []transport.Finding {
		return []transport.Finding{{Err: &transport.Error{Verdict: err.Verdict, Err: fmt.Errorf("http %s: %w", h.name, err)}}}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := h.request(ctx, http.MethodOptions, nil)
	if err != nil {
		return failed(classifyError(err))
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return failed(classifyError(err))
	}
	defer drain(resp, cancel)
	// A server need not implement OPTIONS, so an answer such as 400, 405 or 501 says
	// nothing about messages.
	switch e := classifyAnswer(resp); {
	case e == nil, resp.StatusCode == http.StatusNotImplemented:
	case e.Verdict == transport.Refused, e.Verdict == transport.Retry, resp.StatusCode == http.StatusNotFound:
		return failed(e)
	}
	how := "without credentials"
	switch {
	case h.o.Username != "":
		how = fmt.Sprintf("as user %q", h.o.Username)
	case h.o.Token() != "":
		how = "with the token"
	case h.o.TLS != nil && len(h.o.TLS.Certificates) > 0:
		how = "with the client certificate"
	}
	return []transport.Finding{{Text: fmt.Sprintf("http %s: the server answers %s (%d to OPTIONS); only a message can tell whether it accepts messages",
		h.name, how, resp.StatusCode)}}
}
