package prometheus

import (
	"os/exec"
	"testing"
)

// fetched is where scripts/install-promtool puts promtool.
const fetched = "../../build/_promtool/usr/bin/promtool"

func TestRules(t *testing.T) {
	if testing.Short() {
		t.Skip("needs promtool")
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		promtool, err = exec.LookPath(fetched)
	}
	if err != nil {
		t.Fatal("promtool is missing: run scripts/install-promtool")
	}
	for _, args := range [][]string{{"check", "rules", "tstat.rules.yml"}, {"test", "rules", "tstat.rules.test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}
