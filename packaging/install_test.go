package packaging

import (
	"os/exec"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// The real dpkg and rpm install, upgrade and remove the packages on an overlay of this machine.
// lintian finds nothing in the .deb.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("needs root, rpm and lintian")
	}
	testkit.Mount(t, "tmpfs", t.TempDir(), "tmpfs", 0, "") // skips the test if mounting is not allowed
	if out, err := exec.CommandContext(t.Context(), "../scripts/test-packages").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
