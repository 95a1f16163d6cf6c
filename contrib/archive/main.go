// Tstat_archive stores in PostgreSQL the flows that tstat_send publishes, each flow of
// the logs once. docs/archive.md says how to run it.
//
//	flow.go     turns JSON into a row of the table flows
//	message.go  turns a delivery into a message: its place in a log and its flows
//	consume.go  makes batches of deliveries, stores and acknowledges them
//	broker.go   connections and dead letters
//	store.go    the transaction that stores a batch
//	repeat.go   finds the flows that are stored already
//	schema.sql  the tables
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	a := &archive{rabbit: os.Getenv("RABBIT_URL"), database: os.Getenv("DATABASE_URL")}
	flag.StringVar(&a.queue, "queue", "netsage_tstat", "the queue to consume")
	flag.StringVar(&a.dead, "dead", "tstat_dead", "the queue for messages that cannot be stored")
	flag.IntVar(&a.batch, "batch", 200, fmt.Sprintf("largest number of messages in a transaction, at most %d", maxBatch))
	verbose := flag.Bool("v", false, "log each transaction")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), `Usage: tstat_archive [-queue NAME] [-dead NAME] [-batch N] [-v]
In the environment: RABBIT_URL names the broker (amqp://user:password@host/vhost).
DATABASE_URL names the database (postgres://user:password@host/name). Without it,
the variables of psql name the database: PGHOST, PGDATABASE and so on.`)
		flag.PrintDefaults()
	}
	flag.Parse()
	_, err := amqp.ParseURI(a.rabbit) // the error is not shown: it may hold the password
	if err != nil || a.batch < 1 || a.batch > maxBatch || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(64)
	}
	if _, err := pgx.ParseConfig(a.database); err != nil {
		// pgx quotes the URL, and does not mask every password in it.
		cause := err.Error()[strings.LastIndexByte(err.Error(), '`')+1:]
		fmt.Fprintf(os.Stderr, "DATABASE_URL%s\n", cause)
		os.Exit(64)
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	a.log = newLog(os.Stderr, level)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a.run(ctx)
}

// newLog returns a logger whose messages are events, as tstat_send's are.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey {
			a.Key = "event"
		}
		return a
	}}))
}
