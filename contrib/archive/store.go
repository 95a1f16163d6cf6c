package main

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed schema.sql
var schema string

// store is a connection to the database.
type store struct {
	conn *pgx.Conn
	days map[time.Time]bool // days that have a partition
}

func openStore(ctx context.Context, url string) (*store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["plan_cache_mode"] = "force_custom_plan" // a cached plan might be one for empty tables
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &store{conn: conn, days: map[time.Time]bool{}}
	if err := s.makeTables(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("create the tables: %w", err)
	}
	return s, nil
}

// makeTables runs schema.sql if the database has no table flows.
func (s *store) makeTables(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		exists, err := lockTables(ctx, tx, "flows")
		if err == nil && !exists {
			_, err = tx.Exec(ctx, schema)
		}
		return err
	})
}

// lockTables lets only one consumer at a time make tables, until the transaction ends. It
// reports whether there is a table called name.
func lockTables(ctx context.Context, tx pgx.Tx, name string) (exists bool, err error) {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('tstat archive: tables', 0))"); err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists)
	return exists, err
}

// close ends the connection. It has a time-out of its own, since the caller's context may have
// ended.
func (s *store) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = s.conn.Close(ctx) // the server rolls an open transaction back
}

// save stores each flow of messages that is not stored yet, all in one transaction. It returns
// the number of flows that it has stored.
func (s *store) save(ctx context.Context, messages []*message) (flows int64, err error) {
	if err := s.makeDays(ctx, messages); err != nil {
		return 0, fmt.Errorf("make partitions: %w", err)
	}
	err = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		known, err := lookUp(ctx, tx, messages)
		if err != nil {
			return err
		}
		var flowRows, messageRows [][]any
		for _, m := range messages {
			fresh := known.unknown(m)
			if len(fresh) == 0 {
				continue
			}
			var digests []byte
			for _, f := range fresh {
				flowRows = append(flowRows, f.row)
				digests = binary.BigEndian.AppendUint64(digests, f.digest)
			}
			messageRows = append(messageRows, []any{m.delivery.MessageId, m.digest, m.log, m.bytes.sql(), digests})
			known.add(m.place, digests)
		}
		flows = int64(len(flowRows))
		if flows == 0 {
			return nil
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"flows"}, columns, pgx.CopyFromRows(flowRows)); err != nil {
			return fmt.Errorf("copy flows: %w", err)
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"messages"}, []string{"id", "body", "log", "bytes", "flows"}, pgx.CopyFromRows(messageRows))
		if err != nil {
			return fmt.Errorf("copy messages: %w", err)
		}
		return nil
	})
	return flows, err
}

// makeDays makes the partitions for the days on which flows start. ATTACH PARTITION does not
// make readers of the table wait.
func (s *store) makeDays(ctx context.Context, messages []*message) error {
	missing := map[time.Time]bool{}
	for _, m := range messages {
		for _, f := range m.flows {
			if day := f.start.Truncate(24 * time.Hour); !s.days[day] {
				missing[day] = true
			}
		}
	}
	for day := range missing {
		name := day.Format("flows_20060102")
		err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
			exists, err := lockTables(ctx, tx, name)
			if err != nil || exists {
				return err
			}
			const bound = "2006-01-02 00:00:00+00"
			_, err = tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %[1]s (LIKE flows INCLUDING DEFAULTS);
				ALTER TABLE flows ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')`,
				name, day.Format(bound), day.AddDate(0, 0, 1).Format(bound)))
			return err
		})
		if err != nil {
			return err
		}
		s.days[day] = true
	}
	return nil
}
