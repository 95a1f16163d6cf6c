package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// reserved keeps the sockets that reserve ports. A listener that nothing refers to is
// closed by the garbage collector.
var reserved struct {
	sync.Mutex
	sockets []net.Listener
}

// FreePort returns a TCP port that is free on 127.0.0.1. No other call returns the same
// port while this process lives, nor does a call in another process. The port lies below
// the range from which the kernel takes the ports of outgoing connections, so a server
// that stops finds the port free when it starts again.
func FreePort() (int, error) {
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		// An abstract Unix socket reserves the port: the name is taken on the whole
		// machine, and becomes free when the process ends; see unix(7).
		reservation, err := net.Listen("unix", fmt.Sprintf("@tstat-transport/port/%d", port))
		if err != nil {
			continue
		}
		reserved.Lock()
		reserved.sockets = append(reserved.sockets, reservation)
		reserved.Unlock()
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port between 10000 and 30000 on 127.0.0.1")
}
