package packaging

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// Bash completes flags and their values, also the directory behind an instance id.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tstat0"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Bash splits the line at each =, and makes the = a word of its own.
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

// Zsh and fish complete the directory of -d, with an instance id in front of it or not.
func TestZshAndFishCompletion(t *testing.T) {
	// The script types the line into an interactive zsh and waits for the directory, on
	// a terminal so wide that no line is broken.
	const zsh = `zmodload zsh/zpty; zpty shell zsh -f -i
		zpty -w shell "stty columns 1000; fpath=($PWD/completions \$fpath); autoload -Uz compinit; compinit -u -D"
		zpty -w -n shell "tstat_send $FLAG$DIR/ts"$'\t'
		zpty -r -m shell shown "*$DIR/tstat0*" && print -r -- $DIR/tstat0`
	const fish = `source completions/tstat_send.fish; complete -C "tstat_send $FLAG$DIR/ts"`
	for shell, script := range map[string]string{"zsh": zsh, "fish": fish} {
		t.Run(shell, func(t *testing.T) {
			program, err := exec.LookPath(shell)
			switch {
			case err != nil && testing.Short():
				t.Skipf("needs %s: left out by -short", shell)
			case err != nil:
				t.Fatalf("this test needs %s: run scripts/install-packagers as root, or leave the test out with -short", shell)
			}
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "tstat0"), 0o755); err != nil {
				t.Fatal(err)
			}
			for _, flag := range []string{"-d ", "-d eth0=", "--directory=", "--directory=eth0="} {
				ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
				defer cancel()
				cmd := exec.CommandContext(ctx, program, "-c", script)
				cmd.Env = append(os.Environ(), "FLAG="+flag, "DIR="+dir)
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), dir+"/tstat0") {
					t.Errorf("%s: %q, %v", flag, out, err)
				}
			}
		})
	}
}
