package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Message ids are not enough to recognize repeats. If a log grows between a crash of the sender
// and its next run, the log's last message arrives again with more flows and another id. So a
// flow is a repeat if a stored message has a flow with the same digest and covers some of the
// same bytes of the same log. Neither condition is enough alone: a log may hold two equal flows,
// and Tstat may start a log of the same name anew.

// storedMessages holds the stored messages that share bytes with messages of a batch, by log.
type storedMessages map[string][]storedMessage

type storedMessage struct {
	place
	flows map[uint64]int // number of flows by digest
}

// lookUp reads the stored messages that share bytes with messages. It locks the logs until the
// transaction ends, so that of two consumers with messages of the same log, the second sees the
// flows that the first has stored.
func lookUp(ctx context.Context, tx pgx.Tx, messages []*message) (storedMessages, error) {
	var logs []string
	var froms, tos []int64
	for _, m := range messages {
		logs, froms, tos = append(logs, m.log), append(froms, m.bytes.from), append(tos, m.bytes.to)
	}
	// All consumers lock in the same order, so that no two wait for each other.
	inOrder := slices.Compact(slices.Sorted(slices.Values(logs)))
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(log, 1)) FROM unnest($1::text[]) AS log`, inOrder); err != nil {
		return nil, fmt.Errorf("lock the logs: %w", err)
	}
	rows, err := tx.Query(ctx, `
		SELECT DISTINCT ON (m.id, m.body) m.id, m.flows
		FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS new (log, first, behind)
		JOIN messages m ON m.log = new.log AND m.bytes && int8range(new.first, new.behind)`, logs, froms, tos)
	if err != nil {
		return nil, fmt.Errorf("look messages up: %w", err)
	}
	known := storedMessages{}
	var id string
	var digests []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &digests}, func() error {
		known.add(placeOf(id), digests)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look messages up: %w", err)
	}
	return known, nil
}

// add adds a stored message with the digests of its flows, eight bytes each.
func (s storedMessages) add(at place, digests []byte) {
	m := storedMessage{at, map[uint64]int{}}
	for d := range slices.Chunk(digests, 8) {
		m.flows[binary.BigEndian.Uint64(d)]++
	}
	s[at.log] = append(s[at.log], m)
}

// unknown returns the flows of m that are not stored. Of equal flows, it leaves out as many as
// are stored.
func (s storedMessages) unknown(m *message) []flow {
	known := map[uint64]int{}
	for _, other := range s[m.log] {
		if other.shares(m.place) {
			for digest, n := range other.flows {
				known[digest] += n
			}
		}
	}
	var fresh []flow
	for _, f := range m.flows {
		if known[f.digest] > 0 {
			known[f.digest]--
			continue
		}
		fresh = append(fresh, f)
	}
	return fresh
}

// sql returns the range as an int8range.
func (r byteRange) sql() pgtype.Range[pgtype.Int8] {
	bound := func(n int64) pgtype.Int8 { return pgtype.Int8{Int64: n, Valid: true} }
	return pgtype.Range[pgtype.Int8]{
		Lower: bound(r.from), LowerType: pgtype.Inclusive,
		Upper: bound(r.to), UpperType: pgtype.Exclusive, Valid: true,
	}
}
