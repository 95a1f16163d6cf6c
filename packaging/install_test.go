package packaging

import (
	"os/exec"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// The .deb and the .rpm are installed, upgraded and removed by the real dpkg and
// rpm, on an overlay of this machine; lintian has nothing to say about the .deb.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("needs root, rpm and lintian")
	}
	testkit.Mount(t, "tmpfs", t.TempDir(), "tmpfs", 0, "") // skips where the script cannot mount either
	if out, err := exec.CommandContext(t.Context(), "../scripts/test-packages").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
