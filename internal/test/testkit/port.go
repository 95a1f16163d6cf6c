package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreePort returns a TCP port that is free on 127.0.0.1. The port lies below
// the range from which the kernel takes the ports of outgoing connections, so
// that a server that stops finds the port free when it starts again.
func FreePort() (int, error) {
	for range 100 {
		port := 10000 + rand.IntN(20000)
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port between 10000 and 30000 on 127.0.0.1")
}
