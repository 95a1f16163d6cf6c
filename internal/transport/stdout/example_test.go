package stdout_test

import (
	"context"
	"os"

	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/stdout"
)

func Example() {
	p := stdout.New(os.Stdout, false)
	err := p.Send(context.Background(), &transport.Message{ID: "sensor/0/1.out/log_tcp_complete@0-9", Body: []byte(`[{"type":"flow"}]`), Flows: 1})
	if err != nil {
		panic(err)
	}
	// Output: [{"type":"flow"}]
}
