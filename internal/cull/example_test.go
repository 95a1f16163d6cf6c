package cull_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tstat-transport/internal/cull"
)

// Two directories were marked, one of them three days ago. A dry run counts the
// directories that a run would delete; the run deletes them.
func ExampleRun() {
	root, err := os.MkdirTemp("", "tstat")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	now := time.Now()
	for name, age := range map[string]time.Duration{"2016_02_17_12_53.out": 72 * time.Hour, "2016_02_20_11_53.out": time.Hour} {
		dir := filepath.Join(root, name)
		mark := filepath.Join(dir, ".processed") // as the Python tool leaves it
		for _, err := range []error{
			os.Mkdir(dir, 0o755),
			os.WriteFile(filepath.Join(dir, "log_tcp_complete"), []byte("#15#c_ip:1\n"), 0o644),
			os.WriteFile(mark, []byte("processed"), 0o644),
			os.Chtimes(mark, time.Time{}, now.Add(-age)),
		} {
			if err != nil {
				panic(err)
			}
		}
	}
	for _, dryRun := range []bool{true, false} {
		result := cull.Run(context.Background(), []string{root}, now, cull.Options{
			TTL: 48 * time.Hour, Workers: 1, DryRun: dryRun, Log: slog.New(slog.DiscardHandler),
		})
		left, err := os.ReadDir(root)
		if err != nil {
			panic(err)
		}
		total := result.Total()
		fmt.Printf("found %d, culled %d, left %d\n", total.Found, total.Directories, len(left))
	}
	// Output:
	// found 2, culled 1, left 2
	// found 2, culled 1, left 1
}
