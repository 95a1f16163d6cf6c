// Package soak tests the promise that nothing is lost over the lives of all who
// take part: the real tstat_send dies at any moment, a writer that behaves as
// Tstat does writes, rotates and dies beside it, tstat_cull prunes, and a real
// RabbitMQ and the network to it fail.
//
// TestDeath… kill tstat_send and hold what arrived against what the slow reference
// makes of the logs and what the killed run had left in its state files.
// TestLife runs writers, sender and culler together; TestSoak does that for any
// length, with faults at random, and prints a report.
package soak

import (
	"testing"

	"tstat-transport/internal/test/rabbittest"
	"tstat-transport/internal/test/testkit"
)

func TestMain(m *testing.M) {
	rabbittest.AtEnd(testkit.RemoveBinaries)
	rabbittest.Main(m)
}
