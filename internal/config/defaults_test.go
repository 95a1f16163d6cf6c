package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDefaultsAreDocumented: docs/configuration.md lists the defaults in the code.
func TestDefaultsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	for _, row := range []string{
		fmt.Sprintf("| `username`, `password` | `%s`, `%s` |", defaultUsername, defaultPassword),
		fmt.Sprintf("| `use_ssl` | %s |", yes[defaultUseSSL]),
		fmt.Sprintf("| `vhost` | `%s` |", defaultVHost),
		fmt.Sprintf("| `heartbeat` | %.0f |", defaultHeartbeat.Seconds()),
		fmt.Sprintf("| `connection_timeout` | %.0f |", defaultConnectionTimeout.Seconds()),
		fmt.Sprintf("| `confirm_timeout` | %.0f |", defaultConfirmTimeout.Seconds()),
		fmt.Sprintf("| `blocked_timeout` | %.0f |", defaultBlockedTimeout.Seconds()),
		fmt.Sprintf("| `timeout` | %.0f |", defaultHTTPTimeout.Seconds()),
		fmt.Sprintf("| `durable` | %s |", yes[defaultDurable]),
		fmt.Sprintf("| `host_order` | `%s` |", hostOrders[0]),
		fmt.Sprintf("| `delivery_mode` | %s |", deliveryModes[0]),
		fmt.Sprintf("| `compression` | %s | `gzip` or `zstd`", compressions[0]),
		fmt.Sprintf("| `compression` | %s | `gzip` |", httpCodings[0]),
		fmt.Sprintf("| `format` | `%s` |", fileFormats[0]),
		fmt.Sprintf("| `cert_reqs` | `%s` |", certReqs[0]),
		fmt.Sprintf("| `anonymize` | `%s` |", privacyModes[0]),
		fmt.Sprintf("| `ipv4_prefix`, `ipv6_prefix` | %d, %d |", defaultIPv4Prefix, defaultIPv6Prefix),
	} {
		if !strings.Contains(string(page), "\n"+row) {
			t.Errorf("docs/configuration.md has no row that starts with %s", row)
		}
	}
}
