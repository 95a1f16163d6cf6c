// Package soak tests the promise that nothing is lost while everything runs and fails
// together: tstat_send is killed at any moment, simulated Tstats write, rotate and die,
// tstat_cull deletes, and a real RabbitMQ and the network to it fail.
//
// The tests TestDeath… kill tstat_send, and compare the messages that arrived with those
// that the slow reference makes of the logs, and with the state files that the killed run
// has left. TestLife runs writers, sender and culler together. TestSoak does that for any
// length of time, injects faults at random, and prints a report.
package soak

import (
	"testing"

	"tstat-transport/internal/test/rabbittest"
)

func TestMain(m *testing.M) { rabbittest.Main(m) }
