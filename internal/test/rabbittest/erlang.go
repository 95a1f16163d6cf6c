package rabbittest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const evalTimeout = 30 * time.Second

// Eval evaluates Erlang expressions (separated by commas, without a final full
// stop) on the node and gives back the value of the last as Erlang text. It
// takes a few milliseconds, where rabbitmqctl takes half a second; like all
// methods of a node it works in a test's cleanup too.
func (n *Node) Eval(t testing.TB, erlang string) string {
	t.Helper()
	value, err := n.eval(erlang)
	if err != nil {
		t.Fatalf("rabbittest: %v", err)
	}
	return value
}

func (n *Node) eval(erlang string) (string, error) {
	// Two erl_calls that start at once take the same name, of which a node lets
	// in only one.
	n.evals.Lock()
	defer n.evals.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), evalTimeout)
	defer cancel()
	for {
		value, err := n.erlCall(ctx, erlang)
		// So it says too where the last one with this name is not yet gone.
		// Nothing was evaluated then.
		if err == nil || n.Pid() == 0 || ctx.Err() != nil || !strings.Contains(err.Error(), "erl_call: failed to connect to node") {
			return value, err
		}
		pause := time.NewTimer(20 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

func (n *Node) erlCall(ctx context.Context, erlang string) (string, error) {
	cmd := exec.CommandContext(ctx, "erl_call",
		"-r", "-address", net.JoinHostPort(n.host, strconv.Itoa(n.dist)), "-c", n.cookie,
		"-fetch_stdout", "-e")
	cmd.Env = n.environ()
	cmd.Stdin = strings.NewReader(`try begin ` + erlang + ` end of
		Value -> io:format("value ~0tp~n", [Value])
		catch Class:Reason -> io:format("~0tp~n", [{Class, Reason}]) end.` + "\n")
	out, err := cmd.CombinedOutput()
	// erl_call adds what io:format gave: {ok, ok}
	value, ok := strings.CutPrefix(strings.TrimSuffix(string(out), "\n{ok, ok}"), "value ")
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot evaluate %q on %s: %w: %s", erlang, n.name, err, out)
	case !ok:
		return "", fmt.Errorf("cannot evaluate %q on %s: %s", erlang, n.name, out)
	}
	return value, nil
}

// Ctl runs rabbitmqctl with args and gives back what it prints.
func (n *Node) Ctl(t testing.TB, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*evalTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, ctlScript, append([]string{"--quiet", "--longnames", "-n", n.name}, args...)...)
	cmd.Env = append(n.environ(),
		fmt.Sprintf("ERL_ZFLAGS=-start_epmd false -erl_epmd_port %d -dist_listen false", n.dist))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("rabbittest: rabbitmqctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// erlangBinary is an Erlang binary with the bytes of s, whatever they are.
func erlangBinary(s string) string {
	var b strings.Builder
	b.WriteString("<<")
	for i := range len(s) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(s[i])))
	}
	b.WriteString(">>")
	return b.String()
}
