package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"tstat-transport/internal/transport"
	"tstat-transport/internal/transport/file"
)

func Example() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	f, err := file.Open(file.Options{Path: folder})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	m := &transport.Message{ID: "sensor/0/1.out/log_tcp_complete@0-9", Body: []byte(`[{"type":"flow"}]`), Flows: 1, Directory: "/srv/tstat/1.out"}
	if err := f.Send(ctx, m); err != nil {
		panic(err)
	}
	if err := f.Finish(ctx, "0", m.Directory); err != nil {
		panic(err)
	}
	if err := f.Close(ctx); err != nil {
		panic(err)
	}
	names, _ := filepath.Glob(filepath.Join(folder, "1.out.*.jsonl"))
	text, _ := os.ReadFile(names[0])
	fmt.Print(string(text))
	// Output: [{"type":"flow"}]
}
