package rabbittest

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tstat-transport/internal/test/testkit"
)

var shared struct {
	sync.Mutex
	node *Node
	err  error
}

// Shared returns the node that all tests of a package share. The first call starts the node.
// Each test uses a VHost of its own, and must not kill, stop or pause the node. The package's
// TestMain must call Main, which ends the node.
func Shared(t testing.TB) *Node {
	t.Helper()
	require(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.node == nil && shared.err == nil {
		// An error of the node is no single test's, so the node reports it by a panic.
		shared.node, shared.err = start(func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }, nil)
		if shared.node != nil {
			shared.node.shared = true
		}
	}
	if shared.err != nil {
		t.Fatalf("rabbittest: %v", shared.err)
	}
	n := shared.node
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rabbittest: last lines of the shared node:\n%s", n.logTail(40))
		}
	})
	return n
}

// Main runs a package's tests, ends the shared node, removes the programs that testkit has
// built, and exits. The tests fail if they leave goroutines behind that options do not exempt.
//
//	func TestMain(m *testing.M) { rabbittest.Main(m) }
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if n := shared.node; n != nil {
		n.destroy()
	}
	testkit.RemoveBinaries()
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintf(os.Stderr, "goroutines left behind by the tests: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}
