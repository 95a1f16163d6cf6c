package rabbittest

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func randomName(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:12]) }

// writeFiles makes the RabbitMQ home and writes the configuration of the node. It sets n.script.
func (n *Node) writeFiles(s *settings) error {
	script, err := makeHome(filepath.Join(n.dir, "home"))
	if err != nil {
		return fmt.Errorf("cannot make a RabbitMQ home for the node: %w", err)
	}
	n.script = script
	conf := []string{
		"listeners.tcp.default = 127.0.0.1:" + strconv.Itoa(n.port),
		"log.console = true",
		"log.console.level = info",
		"disk_free_limit.absolute = 1MB",
		"default_user = " + User,
		"default_pass = " + Password,
	}
	if s.tls {
		lines, err := n.tlsConfig(s)
		if err != nil {
			return err
		}
		conf = append(conf, lines...)
	}
	conf = append(conf, s.config...)
	for _, f := range []struct {
		name, text string
		mode       fs.FileMode
	}{
		{"rabbitmq.conf", strings.Join(conf, "\n") + "\n", 0o600},
		{"enabled_plugins", "[].\n", 0o600},
		{"inetrc", "{lookup, [file]}.\n{host, {127,0,0,1}, [\"localhost\"]}.\n", 0o600},
		{".erlang.cookie", n.cookie, 0o400},
		{"eval.erl", strings.ReplaceAll(evalScript, "PORT", strconv.Itoa(n.evalPort)), 0o600},
	} {
		if err := os.WriteFile(filepath.Join(n.dir, f.name), []byte(f.text), f.mode); err != nil {
			return fmt.Errorf("cannot write the node's files: %w", err)
		}
	}
	return nil
}

// environ returns the environment of the server and of rabbitmqctl. There is no epmd: both
// know the distribution port.
func (n *Node) environ() []string {
	in := func(name string) string { return filepath.Join(n.dir, name) }
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"LANG=C.UTF-8",
		"HOME=" + n.dir,
		"RABBITMQ_NODENAME=" + n.name,
		"RABBITMQ_USE_LONGNAME=true",
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(n.distPort),
		"RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_CONFIG_FILE=" + in("rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + in("enabled_plugins"),
		"RABBITMQ_MNESIA_BASE=" + in("data"),
		"RABBITMQ_LOG_BASE=" + in("log"),
		"RABBITMQ_LOGS=-",
		"RABBITMQ_PID_FILE=" + in("pid"),
		// Every minute a node looks for epmd, and starts epmd unless it is told not to.
		"ERL_EPMD_PORT=" + strconv.Itoa(n.epmdPort),
		"ERL_ZFLAGS=-start_epmd false",
		"ERL_CRASH_DUMP_SECONDS=0",
	}
}

func (n *Node) serverEnviron() []string {
	tuple := strings.ReplaceAll(n.host, ".", ",")
	return append(n.environ(),
		// Makes the script exec the Erlang machine, which therefore has the script's process id.
		"detached=1",
		"RABBITMQ_SCRIPTS_DIR="+filepath.Dir(n.script),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+strings.Join([]string{
			"+S 2:2 +SDio 4 -erl_epmd_port", strconv.Itoa(n.distPort), "-name", n.name,
			"-kernel inet_dist_use_interface {" + tuple + "}",
			"-kernel inetrc \"" + filepath.Join(n.dir, "inetrc") + "\"",
			"-eval file:script(\"" + filepath.Join(n.dir, "eval.erl") + "\")",
		}, " "),
	)
}
