// Package bench measures every stage of the pipeline, and the whole pipeline, with logs that
// [tstat-transport/internal/test/loggen] makes. Each benchmark checks its results. Its
// comment holds the command that runs it.
//
//	go test -bench . ./bench                 everything; starts private RabbitMQ nodes
//	go test -short -bench . ./bench          without RabbitMQ
//	go test -bench Pipeline ./bench -args -logs 1G
//
// Besides ns/op and MB/s (of uncompressed logs) the benchmarks report rows/s, flows/s,
// messages/s and allocations. bench/compare runs tstat_send beside wc, cat, mawk and Miller;
// bench/capacity measures tstat_send over its settings.
package bench
