package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"tstat-transport/internal/logdir"
	"tstat-transport/internal/report"
	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/transport"
	"tstat-transport/internal/workers"
)

// work holds the programs, the logs and the settings of all tables.
type work struct {
	dir       string
	megabytes int64
	rounds    int
	made      map[string]tree // by name
}

// tree is a root with logs.
type tree struct {
	path            string
	bytes, tcpBytes int64
}

var sensorLogs = loggen.Options{Large: 0.001}

// build builds tstat_send as it is released, and with portable code in place of vector
// instructions.
func (w *work) build(ctx context.Context) error {
	for name, tags := range map[string]string{"tstat_send": "", "portable": "purego"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-tags="+tags, "-o", w.bin(name), "tstat-transport/cmd/tstat_send")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build tstat_send: %w\n%s", err, out)
		}
	}
	return nil
}

func (w *work) bin(name string) string { return filepath.Join(w.dir, name) }

// send returns the command that prints the flows of a root to /dev/null.
func (w *work) send(program, root, flags string) string {
	return fmt.Sprintf("exec %s -N -S sensor -d %s %s >/dev/null", w.bin(program), root, flags)
}

// logs returns a tree of logs. It makes the tree of a name once.
func (w *work) logs(name string, o loggen.Options, dirs int, bytes int64) (tree, error) {
	if t, ok := w.made[name]; ok {
		return t, nil
	}
	g, err := loggen.New(o)
	if err != nil {
		return tree{}, err
	}
	t := tree{path: filepath.Join(w.dir, name)}
	books, err := g.Tree(t.path, dirs, bytes/int64(dirs))
	if err != nil {
		return tree{}, err
	}
	t.bytes = books.Bytes
	tcp, err := filepath.Glob(filepath.Join(t.path, "*", "log_tcp_complete"))
	if err != nil {
		return tree{}, err
	}
	for _, f := range tcp {
		st, err := os.Stat(f)
		if err != nil {
			return tree{}, err
		}
		t.tcpBytes += st.Size()
	}
	if w.made == nil {
		w.made = make(map[string]tree)
	}
	w.made[name] = t
	return t, nil
}

// empty makes a root without directories.
func (w *work) empty() (tree, error) {
	t := tree{path: filepath.Join(w.dir, "empty")}
	return t, os.MkdirAll(t.path, 0o755)
}

// processed makes a root of marked directories.
func (w *work) processed(ctx context.Context, dirs int) (tree, error) {
	t, err := w.logs("processed", loggen.Options{}, dirs, int64(dirs)*2000)
	if err != nil {
		return t, err
	}
	root, err := logdir.OpenRoot(t.path)
	if err != nil {
		return t, err
	}
	defer root.Close()
	counters := new(report.Counters)
	outcome, err := workers.Run(ctx, workers.Options{
		Roots: []*logdir.Root{root}, Transport: discard{}, Mark: true, Threshold: loggen.LargeBytes,
		Workers: 2, Publishers: 1, Version: "compare", Log: slog.New(slog.DiscardHandler), Counters: counters,
	})
	if err == nil && (outcome != workers.Outcome{} || counters.Marked.Load() != int64(dirs)) {
		err = fmt.Errorf("marked %d of %d directories: %+v", counters.Marked.Load(), dirs, outcome)
	}
	return t, err
}

// discard accepts every message.
type discard struct{}

func (discard) Send(context.Context, *transport.Message) error { return nil }
func (discard) Close(context.Context) error                    { return nil }

// filter is an awk program that prints the TCP rows with 1000 MB or more in a direction. It
// knows the positions of the columns in Tstat 3.2.1.
const filter = `$7 >= 1000000000 || $21 >= 1000000000`

// toJSON is an awk program that prints a flow with few values for each direction of a TCP row.
const toJSON = `!/^#/ {
	d = $31 / 1000
	f = "{\"type\":\"flow\",\"interval\":600,\"values\":{\"duration\":%.2f,\"num_bits\":%.0f,\"num_packets\":%s},\"meta\":{\"src_ip\":\"%s\",\"src_port\":%s,\"dst_ip\":\"%s\",\"dst_port\":%s},\"start\":%d,\"end\":%d}\n"
	printf f, d, $7 * 8, $8, $1, $2, $15, $16, $29 / 1000, $30 / 1000
	printf f, d, $21 * 8, $22, $15, $16, $1, $2, $29 / 1000, $30 / 1000
}`
