package packaging

import (
	"os"
	"os/exec"
	"testing"
)

// The .deb and the .rpm are installed, upgraded and removed by the real dpkg and
// rpm, on an overlay of this machine; lintian has nothing to say about the .deb.
func TestPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("needs root, rpm and lintian")
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount an overlay and to install")
	}
	if out, err := exec.CommandContext(t.Context(), "../scripts/test-packages").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
