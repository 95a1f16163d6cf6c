// Package loggen makes synthetic Tstat logs of any size for benchmarks and tests.
//
// A row starts as a real one: a few hundred rows that Tstat wrote over captured
// traffic are embedded (data/), and one of them, drawn at random, gives a row its
// shape, its names and its flags. What matters for cost and correctness is drawn
// anew for each row: addresses and ports, times and durations, packet and byte
// counters, retransmissions and round-trip times; they agree with each other as
// in real rows (see draw). The columns are those of the header that each Tstat
// version writes.
//
// The same Options give the same bytes. Logs are streamed: memory does not grow
// with their size. What a log holds is counted while it is made (Books), so the
// expected results of a run over it are known without parsing it.
package loggen
