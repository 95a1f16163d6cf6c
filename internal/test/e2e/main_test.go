// Package e2e tests the programs as a whole: the real binaries send real logs to a real
// RabbitMQ, through every fault on the way.
//
// Most tests have a site: a root with logs, a vhost with a queue, and a configuration file.
// The messages that arrive must be those that the slow reference makes of the logs; see
// [site.checkArrived].
package e2e

import (
	"flag"
	"runtime"
	"strconv"
	"testing"

	"tstat-transport/internal/test/rabbittest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests mostly wait, so ten of them run at a time, however many processors there are.
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := flag.Set("test.parallel", "10"); err != nil {
			panic(err)
		}
	}
	rabbittest.Main(m)
}
