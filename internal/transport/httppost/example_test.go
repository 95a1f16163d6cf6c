package httppost_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/httppost"
)

func Example() {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Header.Get("Idempotency-Key"), string(body))
	}))
	defer s.Close()
	h, err := httppost.New(httppost.Options{URL: s.URL})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	m := &transport.Message{ID: "sensor/0/1.out/log_tcp_complete@0-9", Body: []byte(`[{"type":"flow"}]`), Flows: 1}
	if err := h.Send(ctx, m); err != nil {
		panic(err)
	}
	if err := h.Close(ctx); err != nil {
		panic(err)
	}
	// Output: sensor/0/1.out/log_tcp_complete@0-9 [{"type":"flow"}]
}
