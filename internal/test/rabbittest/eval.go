package rabbittest

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tstat-transport/internal/test/testkit"
)

// evalScript makes the node evaluate expressions that come over TCP.
//
//go:embed eval.erl
var evalScript string

// Eval evaluates Erlang expressions (separated by commas, without a final full
// stop) on the node and returns the value of the last one as Erlang text. Like
// every method of a Node, Eval also works in a test's cleanup.
func (n *Node) Eval(t testing.TB, erlang string) string {
	t.Helper()
	value, err := n.eval(erlang)
	if err != nil {
		t.Fatalf("rabbittest: %v", err)
	}
	return value
}

func (n *Node) eval(erlang string) (string, error) {
	answer, err := n.ask(erlang)
	value, ok := strings.CutPrefix(answer, "value ")
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot evaluate %q on %s: %w", erlang, n.name, err)
	case !ok:
		return "", fmt.Errorf("cannot evaluate %q on %s: %s", erlang, n.name, answer)
	}
	return value, nil
}

// ask sends text to evalScript and returns the answer. Text and answer are each preceded by
// their length in four bytes.
func (n *Node) ask(text string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	conn, err := n.dialEval(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)); err != nil {
		return "", err
	}
	var length uint32
	if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
		return "", err
	}
	answer := make([]byte, length)
	_, err = io.ReadFull(conn, answer)
	return string(answer), err
}

// dialEval connects to evalScript. It retries, since a starting node accepts logins before
// evalScript listens.
func (n *Node) dialEval(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.evalPort)))
		if err == nil || n.Pid() == 0 || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// Ctl runs rabbitmqctl with args and returns what it prints.
func (n *Node) Ctl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := n.ctl(args...)
	if err != nil {
		t.Fatalf("rabbittest: %v", err)
	}
	return out
}

func (n *Node) ctl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, ctlScript, append([]string{"--quiet", "--longnames", "-n", n.name}, args...)...)
	cmd.Env = append(n.environ(),
		fmt.Sprintf("ERL_ZFLAGS=-start_epmd false -erl_epmd_port %d -dist_listen false", n.distPort))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// erlangBinary returns s as an Erlang binary: <<104,105>>.
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
