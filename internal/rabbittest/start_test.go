package rabbittest

import (
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	began := time.Now()
	n := Start(t)
	t.Logf("started in %s", time.Since(began))
	n.Stop()
	n.Start()
	n.Kill()
	n.Start()
}
