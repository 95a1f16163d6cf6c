package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// If there is no --config and no ./config.ini, systemConfig is read.
func TestSystemConfig(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	defer func(path string) { systemConfig = path }(systemConfig)
	systemConfig = filepath.Join(dir, "system.ini")
	text := "[file]\npath = .\n[tstat_send]\ndirectory = .\ntransport = file\n"
	for _, step := range []struct{ write, want string }{
		{systemConfig, "ok    config = " + systemConfig + " (default)\nok    directory = . (" + systemConfig + ":4)\n"},
		{"config.ini", "ok    config = ./config.ini (default)\nok    directory = . (./config.ini:4)\n"},
	} {
		if err := os.WriteFile(step.write, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		if status := run(t.Context(), []string{"--check"}, &stdout, &stderr); status != 0 || !strings.HasPrefix(stdout.String(), step.want) {
			t.Errorf("status %d, want 0:\n%s%s\nwant\n%s", status, &stdout, &stderr, step.want)
		}
	}
}
