package logdir_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tstat-transport/internal/logdir"
)

// Example finds a directory below a root and marks its log as confirmed to the end. It sends
// nothing. After that the directory is up to date.
func Example() {
	path, err := os.MkdirTemp("", "tstat")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(path)
	const content = "#15#c_ip:1\n"
	name := filepath.Join(path, "2016_02_17_12_53.out")
	if err := os.Mkdir(name, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(name, "log_tcp_complete"), []byte(content), 0o644); err != nil {
		panic(err)
	}
	root, err := logdir.OpenRoot(path)
	if err != nil {
		panic(err)
	}
	defer root.Close()
	entries, err := root.Find(context.Background(), func(path string, err error) { fmt.Println("not entered:", path, err) })
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		fmt.Println(entry.Rel, "up to date:", logdir.UpToDate(entry))
		if err := markAsSent(entry); err != nil {
			panic(err)
		}
		fmt.Println(entry.Rel, "up to date:", logdir.UpToDate(entry))
	}
	// Output:
	// 2016_02_17_12_53.out up to date: false
	// 2016_02_17_12_53.out up to date: true
}

// markAsSent locks a directory and marks each of its logs as sent to its end.
func markAsSent(entry logdir.Entry) error {
	dir, err := logdir.Open(entry)
	if err != nil {
		return err
	}
	defer dir.Close()
	logs, err := dir.Logs(context.Background())
	if err != nil {
		return err
	}
	state := logdir.State{Version: "example", Logs: make(map[string]logdir.LogState)}
	for _, log := range logs {
		file, stat, err := dir.OpenLog(log)
		if err != nil {
			return err
		}
		defer file.Close()
		sent := logdir.LogState{Position: stat.Size, End: stat.Size, Line: 1}
		sent.SetFile(log, stat)
		var fingerprint logdir.Fingerprinter
		if _, err := io.Copy(&fingerprint, file); err != nil {
			return err
		}
		sent.Fingerprint = fingerprint.At(stat.Size)
		state.Logs[log.Name] = sent
	}
	return dir.WriteProcessed(state)
}
