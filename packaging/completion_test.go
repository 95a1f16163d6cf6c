package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Bash completes the directory of -d, with an instance id in front of it or not.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tstat0"), 0o755); err != nil {
		t.Fatal(err)
	}
	// The words are those that bash makes of the line: = stands alone.
	for line, want := range map[string]string{
		"-d DIR/ts":                    "DIR/tstat0",
		"-d eth0 = DIR/ts":             "DIR/tstat0",
		"--directory = DIR/ts":         "DIR/tstat0",
		"--directory = eth0 = DIR/ts":  "DIR/tstat0",
		"-d a -d eth0 = DIR/ts":        "DIR/tstat0",
		"-t ht":                        "http",
		"--transport = ht":             "http",
		"-d eth0 = DIR/tstat0 --trans": "--transport",
		"-S eth0 = DIR/ts":             "",
		"--transport =":                "rabbit http file",
	} {
		script := `compopt() { :; }; complete() { :; }; . completions/tstat_send.bash
			COMP_WORDS=(tstat_send "$@") COMP_CWORD=$#; _tstat_send; echo "${COMPREPLY[*]}"`
		args := append([]string{"-c", script, "bash"}, strings.Fields(strings.ReplaceAll(line, "DIR", dir))...)
		out, err := exec.CommandContext(t.Context(), bash, args...).CombinedOutput()
		got := strings.ReplaceAll(strings.TrimSpace(string(out)), dir, "DIR")
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}
