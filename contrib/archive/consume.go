package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"
)

// archive moves messages from a queue into the database.
type archive struct {
	rabbit, database string // URLs
	queue, dead      string
	batch            int // largest number of messages in a transaction
	log              *slog.Logger

	store *store // nil while there is no connection
}

// maxBatch is the limit for -batch: the prefetch, twice as many messages, has 16 bits.
const maxBatch = math.MaxUint16 / 2

const (
	retryDelay         = time.Second     // between two attempts to reach the broker or the database
	transactionTimeout = 5 * time.Minute // limit for an attempt to store messages, connecting included
	closeTimeout       = time.Second     // limit for closing a connection that may be dead
)

// run serves the queue until ctx ends, through all restarts of the broker and
// of the database.
func (a *archive) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.session(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("session_ended", "queue", a.queue, "error", err)
			wait(ctx)
		}
	}
	if a.store != nil {
		a.store.close()
	}
}

// session serves the queue over one connection to the broker. It connects to the database
// first: a message that is taken and given back counts as a delivery attempt, and a queue may
// limit these.
func (a *archive) session(ctx context.Context) error {
	if err := a.connectStore(ctx); err != nil {
		return err
	}
	conn, err := dial(a.rabbit)
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	defer hangUp(conn)
	if err := ensureQueue(conn, a.dead); err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	// One batch is stored while the next one arrives.
	if err := ch.Qos(2*a.batch, 0, false); err != nil {
		return fmt.Errorf("set the prefetch: %w", err)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := ch.Consume(a.queue, "", false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume %s: %w", a.queue, err)
	}
	a.log.Info("consuming", "queue", a.queue)

	batches := make(chan []*message)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(batches)
		a.collect(ctx, deliveries, batches)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case reason := <-closed:
			return fmt.Errorf("the channel has ended: %w", reason)
		default:
			return errors.New("the queue was deleted, or its node went away")
		}
	})
	group.Go(func() error {
		for batch := range batches {
			if err := a.handle(ctx, batch); err != nil {
				return err
			}
			// Acknowledges the last message and all messages before it.
			if err := ch.Ack(batch[len(batch)-1].delivery.DeliveryTag, true); err != nil {
				return fmt.Errorf("acknowledge: %w", err)
			}
		}
		return nil
	})
	return group.Wait()
}

// collect reads messages until ctx or the deliveries end. A batch holds the messages that
// arrived while the batch before was stored, up to a.batch.
func (a *archive) collect(ctx context.Context, deliveries <-chan amqp.Delivery, batches chan<- []*message) {
	var batch []*message
	for {
		in, out := deliveries, batches
		if len(batch) == 0 {
			out = nil
		}
		if len(batch) == a.batch {
			in = nil
		}
		select {
		case d, ok := <-in:
			if !ok {
				return
			}
			batch = append(batch, read(d))
		case out <- batch:
			batch = nil
		case <-ctx.Done():
			return
		}
	}
}

// handle stores each message of a batch in the database or in the dead-letter queue.
func (a *archive) handle(ctx context.Context, batch []*message) error {
	var good, bad []*message
	for _, m := range batch {
		if m.fault == nil {
			good = append(good, m)
		} else {
			bad = append(bad, m)
		}
	}
	refused, err := a.saveWithRetry(ctx, good)
	if err != nil {
		return err
	}
	return a.deadLetter(ctx, append(bad, refused...))
}

// saveWithRetry stores messages. It retries as long as the database is away, since messages that
// are given back to the broker would count as delivery attempts. It returns the messages whose
// content the database refuses.
func (a *archive) saveWithRetry(ctx context.Context, messages []*message) (refused []*message, err error) {
	if len(messages) == 0 {
		return nil, nil
	}
	for attempt := 1; ; attempt++ {
		err := a.saveOnce(ctx, messages)
		switch {
		case err == nil:
			return nil, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !refusesData(err) || attempt == 1: // if the partition was dropped, the next attempt makes it again
			a.log.Warn("batch_not_stored", "messages", len(messages), "error", err)
			wait(ctx)
		case len(messages) == 1:
			messages[0].fault = err
			return messages, nil
		default:
			for _, m := range messages {
				r, err := a.saveWithRetry(ctx, []*message{m})
				if err != nil {
					return nil, err
				}
				refused = append(refused, r...)
			}
			return refused, nil
		}
	}
}

// saveOnce tries to store messages. After an error the next attempt has a new connection.
func (a *archive) saveOnce(ctx context.Context, messages []*message) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	if err := a.connectStore(ctx); err != nil {
		return err
	}
	began := time.Now()
	stored, err := a.store.save(ctx, messages)
	if err != nil {
		a.store.close()
		a.store = nil
		return err
	}
	a.log.Debug("batch_stored", "messages", len(messages), "flows", stored, "repeated", flowsOf(messages)-stored, "took", time.Since(began))
	return nil
}

func (a *archive) connectStore(ctx context.Context) (err error) {
	if a.store == nil {
		a.store, err = openStore(ctx, a.database)
	}
	return err
}

// refusesData reports whether err is about the values of a row (class 22, data exception; class
// 23, integrity constraint), and not about the state of the database.
func refusesData(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code[:2] == "22" || e.Code[:2] == "23")
}

func flowsOf(messages []*message) (flows int64) {
	for _, m := range messages {
		flows += int64(len(m.flows))
	}
	return flows
}

func wait(ctx context.Context) {
	t := time.NewTimer(retryDelay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
