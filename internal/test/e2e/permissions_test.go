package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/rabbittest"
)

const permissionsVHost = "netsage" // the vhost in the documentation's commands

// permitted is a configuration for which the documentation lists permissions.
type permitted struct {
	name     string
	ini      string // the text of the configuration file
	exchange string // empty, predeclared by RabbitMQ, or a topic exchange that prepare declares
	key      string // binding key of the queue
	queue    string // the queue that the messages arrive in
	declared bool   // whether prepare declares the queue and binds it to the exchange
}

// TestDocumentedPermissions: the permissions in docs/configuration.md suffice for a run and
// for --check, and none of them can be left out.
func TestDocumentedPermissions(t *testing.T) {
	t.Parallel()
	blocks := indented(readAll(t, "../../../README.md"))
	example := slices.IndexFunc(blocks, func(block string) bool { return strings.Contains(block, "[rabbit]") })
	if example < 0 {
		t.Fatal("README.md has no example of a configuration with [rabbit]")
	}
	ini := blocks[example]
	cases := []permitted{
		{name: "the README's", ini: ini, queue: queue},
		{name: "the README's, queue declared", ini: ini, queue: queue, declared: true},
		{name: "NetSage's", ini: readAll(t, "../../../contrib/cluster/netsage.ini"), exchange: "amq.direct",
			key: "netsage_deidentifier_raw", queue: "netsage_deidentifier_raw", declared: true},
		{name: "topic", ini: "[rabbit]\nhost = x\nport = 1\nusername = sensor1\npassword = x\nvhost = netsage\nexchange = flows\nrouting_key = flows.sensor1\n",
			exchange: "flows", key: "flows.*", queue: "taker", declared: true},
	}
	doc := readAll(t, "../../../docs/configuration.md")
	_, doc, found := strings.Cut(doc, "\n## Permissions\n")
	doc, _, _ = strings.Cut(doc, "\n## ")
	blocks = indented(doc)
	if !found || len(blocks) != len(cases) {
		t.Fatalf("docs/configuration.md has %d blocks of permissions, want %d", len(blocks), len(cases))
	}
	n := rabbittest.Start(t)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n.Ctl(t, "add_vhost", permissionsVHost)
			defer n.Ctl(t, "delete_vhost", permissionsVHost)
			n.Ctl(t, "set_permissions", "-p", permissionsVHost, rabbittest.User, ".*", ".*", ".*")
			n.Ctl(t, "add_user", "sensor1", secret)
			defer n.Ctl(t, "delete_user", "sensor1")
			c.prepare(t, n)
			commands := slices.Collect(strings.Lines(blocks[i]))
			for _, line := range commands {
				n.Ctl(t, shellWords(t, line)...)
			}
			config := c.file(t, n)
			check := run(t, "tstat_send", "--check", "-d", t.TempDir(), "-c", config, "-S", sensor)
			if check.Status != allDone || !strings.Contains(check.Out, `user "sensor1" may publish to exchange`) {
				t.Errorf("--check: status %d\n%s", check.Status, check.Out)
			}
			send := func() result {
				logs := t.TempDir()
				corpus(t, "rotation", logs)
				return run(t, "tstat_send", "-d", logs, "-c", config, "-S", sensor, "-T", "0")
			}
			published := send().want(allDone).count("published")
			if got := n.QueueLen(t, permissionsVHost, c.queue); published == 0 || got != published {
				t.Errorf("%d messages in the queue, %d published", got, published)
			}
			for _, line := range commands {
				for _, less := range withOneLess(line) {
					if !c.declared {
						n.DeleteQueue(t, permissionsVHost, c.queue)
					}
					n.Ctl(t, shellWords(t, less)...)
					send().want(refused)
					check := run(t, "tstat_send", "--check", "-d", t.TempDir(), "-c", config, "-S", sensor)
					if check.Status != refused {
						t.Errorf("--check after %s: status %d\n%s", less, check.Status, check.Out)
					}
				}
				n.Ctl(t, shellWords(t, line)...)
			}
		})
	}
}

// prepare declares the queue and the exchange that must exist before the run.
func (c permitted) prepare(t *testing.T, n *rabbittest.Node) {
	t.Helper()
	if !c.declared {
		return
	}
	n.DeclareQueue(t, permissionsVHost, c.queue, amqp091.Table{})
	ch, err := n.Dial(t, permissionsVHost).Channel()
	if err == nil && c.exchange != "" && !strings.HasPrefix(c.exchange, "amq.") {
		err = ch.ExchangeDeclare(c.exchange, "topic", true, false, false, false, nil)
	}
	if err == nil && c.exchange != "" {
		err = ch.QueueBind(c.queue, c.key, c.exchange, false, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// file writes the configuration with the address and the password of this test, and without
// TLS, which the node does not have. It returns the path.
func (c permitted) file(t *testing.T, n *rabbittest.Node) string {
	t.Helper()
	text := c.ini
	for pattern, replacement := range map[string]string{
		`(?m)^host =.*`: "host = 127.0.0.1", `(?m)^port =.*`: "port = " + strconv.Itoa(n.Port()),
		`(?m)^use_ssl =.*\n`: "", `(?m)^password.*`: "password = " + secret,
		`(?s)\[ssl_options\].*`: "", `(?m)^username =.*`: "username = sensor1",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllLiteralString(text, replacement)
	}
	path := filepath.Join(t.TempDir(), "config.ini")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// indented returns the indented blocks of a Markdown text.
func indented(text string) (blocks []string) {
	inside := false
	for line := range strings.Lines(text) {
		code, ok := strings.CutPrefix(line, "    ")
		if ok && !inside {
			blocks = append(blocks, "")
		}
		if ok {
			blocks[len(blocks)-1] += code
		}
		inside = ok
	}
	return blocks
}

// shellWords returns the arguments of a line that calls rabbitmqctl, split and unquoted by
// the shell.
func shellWords(t *testing.T, line string) []string {
	t.Helper()
	arguments, ok := strings.CutPrefix(strings.TrimSpace(line), "rabbitmqctl ")
	if !ok {
		t.Fatalf("%q does not call rabbitmqctl", line)
	}
	out, err := exec.Command("sh", "-c", `printf '%s\n' `+arguments).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// withOneLess returns copies of the line, in each of which one of its expressions is
// replaced by the expression that permits nothing.
func withOneLess(line string) (lines []string) {
	for _, m := range regexp.MustCompile(`'[^']*'`).FindAllStringIndex(line, -1) {
		if line[m[0]:m[1]] != `'^$'` {
			lines = append(lines, line[:m[0]]+`'^$'`+line[m[1]:])
		}
	}
	return lines
}
