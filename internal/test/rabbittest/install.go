package rabbittest

import (
	"fmt"
	"os"
)

// Debian's wrapper in /usr/sbin changes the user; the server's own script does
// not.
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
