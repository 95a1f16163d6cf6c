package rabbittest

import (
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func TestCluster(t *testing.T) {
	began := time.Now()
	nodes := StartCluster(t, 3)
	t.Logf("started in %s", time.Since(began))
	t.Log(nodes[1].Ctl(t, "cluster_status"))
}
