package testkit

import "testing"

// No port is returned twice, although each is free again at once.
func TestFreePort(t *testing.T) {
	seen := map[int]bool{}
	for range 300 { // two of 300 ports out of 20000, drawn independently, are equal 9 times in 10
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %d was returned twice", port)
		}
		seen[port] = true
	}
}
