// Package loggen makes synthetic Tstat logs of any size for benchmarks and tests.
//
// The package embeds a few hundred real rows, which Tstat wrote for captured traffic (data/).
// Each row that it makes has the shape, the names and the flags of a random real row. The
// client's address and port encode the row's number (see ClientNumber). Other values that matter
// for cost and correctness are random: server addresses, times and durations, packet and byte
// counters, retransmissions and round-trip times. They agree with each other as in real rows
// (see Maker.drawTCP). The columns are those of the header of each Tstat version.
//
// The same Options give the same bytes. Logs are streamed: memory does not grow with their
// size. The content of a log is counted while it is made (Books), so the expected result of a
// run is known without parsing the log.
package loggen
