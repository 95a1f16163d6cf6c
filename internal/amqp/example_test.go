package amqp_test

import (
	"context"
	"fmt"
	"log"
	"testing"

	"tstat-transport/internal/amqp"
	"tstat-transport/internal/test/fakebroker"
	"tstat-transport/internal/transport"
)

// exampleTB runs the scripted broker outside a test.
type exampleTB struct {
	testing.TB
	cleanup func()
}

func (*exampleTB) Helper()                      {}
func (t *exampleTB) Cleanup(f func())           { t.cleanup = f }
func (*exampleTB) Errorf(f string, args ...any) { log.Printf(f, args...) }
func (*exampleTB) Fatalf(f string, args ...any) { log.Fatalf(f, args...) }

func ExamplePublisher_Send() {
	t := &exampleTB{}
	defer func() { t.cleanup() }()
	broker := fakebroker.Start(t, func(int) fakebroker.Script {
		return func(m fakebroker.Message) { m.Ack(false) }
	})
	ctx := context.Background()
	p, err := amqp.Open(ctx, amqp.Options{
		Hosts:    []string{broker.Addr()},
		Username: "guest", Password: func() string { return "guest" },
		Queue: "flows", QueueOptions: amqp.QueueOptions{Durable: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	err = p.Send(ctx, &transport.Message{ID: "sensor/0/log@0-100", Body: []byte(`[{"type":"flow"}]`), Flows: 1})
	fmt.Println("confirmed:", err == nil)
	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: confirmed: true
}
