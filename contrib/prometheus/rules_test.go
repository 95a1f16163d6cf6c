package prometheus

import (
	"os/exec"
	"testing"
)

// Debian's package prometheus brings promtool.
func TestRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("needs promtool: apt-get install prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "tstat.rules.yml"}, {"test", "rules", "tstat.rules.test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}
