package workers_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/message"
	"tstat-transport/internal/report"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

// printer is a transport that prints the id and the number of flows of each message.
type printer struct{}

func (printer) Send(_ context.Context, m *transport.Message) error {
	fmt.Println(m.ID, m.Flows)
	return nil
}

func (printer) Close(context.Context) error { return nil }

// A directory is sent and marked. The next run finds nothing new.
func ExampleRun() {
	root, err := os.MkdirTemp("", "tstat")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	corpus := os.DirFS("../../testdata/corpus/level15")
	if err := os.CopyFS(root, corpus); err != nil {
		panic(err)
	}
	for range 2 {
		r, err := logdir.OpenRoot(root)
		if err != nil {
			panic(err)
		}
		counters := new(report.Counters)
		outcome, err := workers.Run(context.Background(), workers.Options{
			Roots: []*logdir.Root{r}, Transport: printer{}, Mark: true,
			Settings: message.Settings{Sensor: "sensor1"}, Threshold: 100_000,
			Workers: 2, Publishers: 1, Version: "example",
			Log: slog.New(slog.DiscardHandler), Counters: counters,
		})
		if err != nil || outcome.TransportErr != nil {
			panic("not sent")
		}
		fmt.Println("rows:", counters.Rows.Load(), "marked:", counters.Marked.Load())
		_ = r.Close()
	}
	marks, err := filepath.Glob(root + "/*/.processed")
	fmt.Println("marks:", len(marks), err)
	// Output:
	// sensor1/0/2026_11_22_20_26.out/log_tcp_complete@0-379715~53378bc3 52
	// rows: 998 marked: 1
	// rows: 0 marked: 0
	// marks: 1 <nil>
}
