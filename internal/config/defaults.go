package config

import (
	"time"

	"tstat-transport/internal/privacy"
)

// The defaults of keys; docs/configuration.md lists them. Keys that take a word have theirs
// below. All other keys are empty or off by default. The Python tool had no defaults.
const (
	// A new RabbitMQ node has this vhost and this user.
	defaultVHost    = "/"
	defaultUsername = "guest" // RabbitMQ accepts this user from its own host only
	defaultPassword = "guest"

	defaultHeartbeat         = 10 * time.Second
	defaultConnectionTimeout = 10 * time.Second
	defaultConfirmTimeout    = 30 * time.Second
	defaultBlockedTimeout    = 60 * time.Second
	defaultHTTPTimeout       = 30 * time.Second

	defaultDurable = true // of a queue that is declared
	defaultUseSSL  = false

	defaultIPv4Prefix = 24 // bits, as NetSage truncates addresses
	defaultIPv6Prefix = 48
)

// The values of keys that take a word. The first is the default.
var (
	hostOrders    = []string{"listed", "random"}
	deliveryModes = []string{"2", "1"} // persistent, transient
	compressions  = []string{"none", "gzip", "zstd"}
	httpCodings   = []string{"none", "gzip"}
	fileFormats   = []string{"messages", "flows"}
	certReqs      = []string{"CERT_REQUIRED", "CERT_OPTIONAL", "CERT_NONE"}
	privacyModes  = []string{string(privacy.None), string(privacy.Truncate), string(privacy.CryptoPAn)}
)
