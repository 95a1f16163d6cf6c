// Package cluster tests the configuration files beside it.
package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"tstat-transport/internal/config"
	"tstat-transport/internal/test/rabbittest"
)

const (
	vhost = "netsage"
	queue = "netsage_deidentifier_raw"
)

func TestConfigurations(t *testing.T) {
	for file, exchange := range map[string]string{"config.ini": "tstat", "netsage.ini": "amq.direct"} {
		f, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		// The password file of the configuration does not exist on this machine.
		t.Setenv("TSTAT_RABBIT_PASSWORD", "secret")
		r, err := f.Rabbit()
		if err != nil {
			t.Fatal(err)
		}
		if r.Exchange != exchange || r.VHost != vhost || len(r.Hosts) != 3 || !r.UseSSL {
			t.Errorf("%s: exchange %q, vhost %q, hosts %v, TLS %v", file, r.Exchange, r.VHost, r.Hosts, r.UseSSL)
		}
		if w := f.Warnings(); len(w) > 0 {
			t.Errorf("%s: %q", file, w)
		}
	}
}

// A node accepts the definitions. With netsage.ini and the permissions of a sensor, tstat_send
// publishes to the queue that NetSage's pipeline reads.
func TestNetSage(t *testing.T) {
	node := rabbittest.Start(t)
	node.Ctl(t, "import_definitions", withoutHashing(t))
	node.Ctl(t, "set_permissions", "-p", vhost, rabbittest.User, ".*", ".*", ".*")
	line := regexp.MustCompile(`(?m)^    rabbitmqctl set_permissions -p netsage sensor '(.*)' '(.*)' '(.*)'$`).FindSubmatch(read(t, "../../docs/cluster.md"))
	if line == nil {
		t.Fatal("docs/cluster.md does not say what a sensor may do")
	}
	node.AddUser(t, "sensor", "secret", vhost, string(line[1]), string(line[2]), string(line[3]))
	if n := node.QueueLen(t, vhost, queue); n != 0 {
		t.Fatalf("%d messages in a new queue", n)
	}

	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+"/", "../../cmd/tstat_send").CombinedOutput(); err != nil {
		t.Fatalf("cannot build tstat_send: %v\n%s", err, out)
	}
	if err := os.CopyFS(dir+"/logs", os.DirFS("../../testdata/corpus/rotation")); err != nil {
		t.Fatal(err)
	}
	// This is netsage.ini with the address and the password of the test, and without TLS.
	text := string(read(t, "netsage.ini"))
	for pattern, replacement := range map[string]string{
		`(?m)^host =.*`: "host = 127.0.0.1", `(?m)^port =.*`: "port = " + strconv.Itoa(node.Port()),
		`(?m)^use_ssl =.*`: "use_ssl = no", `(?m)^password_file =.*`: "password = secret", `(?s)\[ssl_options\].*`: "",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, replacement)
	}
	file := filepath.Join(dir, "config.ini")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dir+"/tstat_send", "-d", dir+"/logs", "-c", file, "-T", "0", "-S", "sensor1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tstat_send: %v\n%s", err, out)
	}
	messages := node.Drain(t, vhost, queue)
	if len(messages) == 0 {
		t.Fatal("nothing arrived")
	}
	for _, m := range messages {
		if m.Exchange != "amq.direct" || m.RoutingKey != queue || !strings.HasPrefix(m.MessageId, "sensor1/0/") {
			t.Errorf("message %q by exchange %q, routing key %q", m.MessageId, m.Exchange, m.RoutingKey)
		}
		var flows []map[string]any
		if err := json.Unmarshal(m.Body, &flows); err != nil {
			t.Fatal(err)
		}
		for _, f := range flows {
			for _, key := range []string{"start", "end", "values", "meta"} {
				if f[key] == nil {
					t.Errorf("message %s: a flow without %s", m.MessageId, key)
				}
			}
		}
	}
}

// withoutHashing writes the definitions without the consistent-hash exchange, since the nodes
// of tests have no plugins. It returns the path.
func withoutHashing(t *testing.T) string {
	t.Helper()
	var all map[string][]map[string]any
	if err := json.Unmarshal(read(t, "definitions.json"), &all); err != nil {
		t.Fatal(err)
	}
	hashing := func(d map[string]any) bool { return d["type"] == "x-consistent-hash" || d["source"] == "tstat" }
	for _, kind := range []string{"exchanges", "bindings"} {
		before := len(all[kind])
		all[kind] = slices.DeleteFunc(all[kind], hashing)
		if len(all[kind]) == before {
			t.Fatalf("there is no consistent hashing in %s", kind)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "definitions.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
