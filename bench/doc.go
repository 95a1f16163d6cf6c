// Package bench measures every stage of the pipeline and the whole of it, on
// logs that [tstat-transport/internal/test/loggen] makes. Each benchmark checks the
// results before it times them, and stands below the command that runs it.
//
//	go test -bench . ./bench                 everything; starts a private RabbitMQ node
//	go test -short -bench . ./bench          without RabbitMQ
//	go test -bench Pipeline ./bench -args -logs 1G
//
// Besides ns/op and MB/s (of uncompressed log) they report rows/s, flows/s and
// messages/s, and allocations. bench/compare runs the finished program beside
// wc, cat, mawk and Miller; bench/capacity sweeps its settings.
package bench
