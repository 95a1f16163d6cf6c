package rabbittest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"tstat-transport/internal/test/testkit"
)

// VHost makes a vhost with a random name in which User may do everything. The vhost is
// deleted when t ends, with its queues and connections.
func (n *Node) VHost(t testing.TB) string {
	t.Helper()
	name := randomName("test")
	n.AddVHost(t, name)
	return name
}

// AddVHost is VHost with a given name.
func (n *Node) AddVHost(t testing.TB, name string) {
	t.Helper()
	n.Eval(t, fmt.Sprintf(`ok = rabbit_vhost:add(%s, <<"test">>)`, erlangBinary(name)))
	n.cleanup(t, fmt.Sprintf(`rabbit_vhost:delete(%s, <<"test">>)`, erlangBinary(name)))
	n.Permit(t, User, name, ".*", ".*", ".*")
}

// AddUser adds a user whose permissions in vhost are the regular expressions
// configure, write and read, and deletes it when t ends.
func (n *Node) AddUser(t testing.TB, name, password, vhost, configure, write, read string) {
	t.Helper()
	n.Eval(t, fmt.Sprintf(`ok = rabbit_auth_backend_internal:add_user(%s, %s, <<"test">>)`, erlangBinary(name), erlangBinary(password)))
	n.cleanup(t, fmt.Sprintf(`rabbit_auth_backend_internal:delete_user(%s, <<"test">>)`, erlangBinary(name)))
	n.Permit(t, name, vhost, configure, write, read)
}

// Permit sets a user's permissions in vhost, as AddUser does.
func (n *Node) Permit(t testing.TB, user, vhost, configure, write, read string) {
	t.Helper()
	n.Eval(t, fmt.Sprintf(`ok = rabbit_auth_backend_internal:set_permissions(%s, %s, %s, %s, %s, <<"test">>)`,
		erlangBinary(user), erlangBinary(vhost), erlangBinary(configure), erlangBinary(write), erlangBinary(read)))
}

// cleanup evaluates erlang on a shared node when t ends. Any other node is removed as a
// whole then, and may be dead or paused.
func (n *Node) cleanup(t testing.TB, erlang string) {
	if !n.shared {
		return
	}
	t.Cleanup(func() {
		if _, err := n.eval(erlang); err != nil {
			t.Errorf("rabbittest: %v", err)
		}
	})
}

// MemoryAlarm sets or clears the memory alarm, which blocks every connection that publishes,
// and waits for the effect. The alarm is cleared when t ends.
func (n *Node) MemoryAlarm(t testing.TB, on bool) {
	t.Helper()
	const set = `vm_memory_monitor:set_vm_memory_high_watermark(%s)`
	watermark := "0.4"
	if on {
		watermark = "0"
		n.cleanup(t, fmt.Sprintf(set, "0.4"))
	}
	n.Eval(t, fmt.Sprintf(set, watermark))
	testkit.Await(t, "the memory alarm of "+n.name+" to be "+map[bool]string{true: "on", false: "off"}[on], func() bool {
		return n.Eval(t, `lists:keymember({resource_limit, memory, node()}, 1, rabbit_alarm:get_alarms())`) == strconv.FormatBool(on)
	})
}

// CloseConnections closes all connections as an operator would (320
// CONNECTION_FORCED with reason) and returns how many there were. One of them may end by
// itself meanwhile.
func (n *Node) CloseConnections(t testing.TB, reason string) int {
	t.Helper()
	count := n.Eval(t, fmt.Sprintf(`Pids = rabbit_networking:local_connections(),
		[catch rabbit_networking:close_connection(Pid, binary_to_list(%s)) || Pid <- Pids], length(Pids)`, erlangBinary(reason)))
	return atoi(t, count)
}

// Sessions returns how many connections and channels are open in vhost. A channel
// can outlive its connection for a moment, and pass on messages to queues until it ends.
func (n *Node) Sessions(t testing.TB, vhost string) int {
	t.Helper()
	return atoi(t, n.Eval(t, fmt.Sprintf(`Here = [{vhost, %s}],
		length([Pid || Pid <- rabbit_networking:local_connections(), (catch rabbit_reader:info(Pid, [vhost])) == Here] ++
			[Pid || Pid <- rabbit_channel:list_local(), (catch rabbit_channel:info(Pid, [vhost])) == Here])`, erlangBinary(vhost))))
}

func atoi(t testing.TB, s string) int {
	t.Helper()
	i, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		t.Fatalf("rabbittest: the node answered %q: want a number", s)
	}
	return i
}
