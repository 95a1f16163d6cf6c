package rabbittest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The server's own scripts. Debian's wrapper in /usr/sbin would change the user.
const (
	serverScript = "/usr/lib/rabbitmq/bin/rabbitmq-server"
	ctlScript    = "/usr/lib/rabbitmq/bin/rabbitmqctl"
)

func installed() error {
	const remedy = "run scripts/install-rabbitmq as root (it installs Debian's rabbitmq-server), or leave these tests out with -short"
	for _, path := range []string{serverScript, ctlScript} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("this test needs RabbitMQ, but %w: %s", err, remedy)
		}
	}
	return nil
}

// Version returns the version of the installed RabbitMQ, for example "3.10.8".
func Version(t testing.TB) string {
	t.Helper()
	require(t)
	script, err := filepath.EvalSymlinks(serverScript)
	if err != nil {
		t.Fatalf("rabbittest: %v", err)
	}
	// .../rabbitmq_server-VERSION/sbin/rabbitmq-server
	home := filepath.Base(filepath.Dir(filepath.Dir(script)))
	version, ok := strings.CutPrefix(home, "rabbitmq_server-")
	if !ok {
		t.Fatalf("rabbittest: the path %s does not hold the version of RabbitMQ", script)
	}
	return version
}
