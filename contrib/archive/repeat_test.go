package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/goccy/go-json"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// sentMessage is a message that a test stores.
type sentMessage struct {
	id    string
	flows []json.RawMessage
}

func (m sentMessage) read(t testing.TB) *message {
	t.Helper()
	body, err := json.Marshal(m.flows)
	if err != nil {
		t.Fatal(err)
	}
	read := read(asDelivery(m.id, body))
	if read.fault != nil {
		t.Fatal(read.fault)
	}
	return read
}

// TestRepeats stores messages one by one, all in one transaction, and in reverse order. The
// table holds the same flows each time.
func TestRepeats(t *testing.T) {
	t.Parallel()
	url := startPostgres(t, "fsync=off").url()
	s, err := openStore(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	f := goldenFlows(t, "level15")[:300]
	equal := []json.RawMessage{f[0], f[0]}
	for _, c := range []struct {
		name     string
		messages []sentMessage
		want     []json.RawMessage
	}{
		{"the same message", []sentMessage{{"s/0/d/log@0-9", f[:3]}, {"s/0/d/log@0-9", f[:3]}}, f[:3]},
		{"an id without a range", []sentMessage{{"abc", f[:3]}, {"abc", f[:3]}, {"abd", f[:3]}}, slices.Concat(f[:3], f[:3])},
		{"a log that has grown", []sentMessage{{"s/0/d/log@0-37", f[:37]}, {"s/0/d/log@0-99", f[:99]}, {"s/0/d/log@99-120", f[99:120]}}, f[:120]},
		{"grown, with checksums", []sentMessage{{"s/0/d/log@0-37~aa", f[:37]}, {"s/0/d/log@0-99~bb", f[:99]}}, f[:99]},
		{"other boundaries", []sentMessage{{"s/0/d/log@0-50", f[:50]}, {"s/0/d/log@50-150", f[50:150]}, {"s/0/d/log@0-100", f[:100]}, {"s/0/d/log@100-200", f[100:200]}}, f[:200]},
		{"halves", []sentMessage{{"s/0/d/log@0-100", f[:100]}, {"s/0/d/log@0-100.1", f[:50]}, {"s/0/d/log@0-100.2", f[50:100]}}, f[:100]},
		{"halves of a half, equal flows in both", []sentMessage{{"s/0/d/log@0-9~a.1.1", equal}, {"s/0/d/log@0-9~a.1.2", equal}, {"s/0/d/log@0-9~a.1", slices.Concat(equal, equal)}, {"s/0/d/log@0-9~a.2", equal}, {"s/0/d/log@0-9~a.2", equal}}, slices.Concat(equal, equal, equal)},
		{"another threshold", []sentMessage{{"s/0/d/log@0-100", f[10:12]}, {"s/0/d/log@0-60", f[:60]}, {"s/0/d/log@60-100", f[60:100]}}, f[:100]},
		{"equal flows in a log", []sentMessage{{"s/0/d/log@0-9", equal}, {"s/0/d/log@0-9", equal}, {"s/0/d/log@9-20", equal}}, slices.Concat(equal, equal)},
		{"equal flows, grown", []sentMessage{{"s/0/d/log@0-9", equal[:1]}, {"s/0/d/log@0-12", equal}}, equal},
		{"another log of the same name", []sentMessage{{"s/0/d/log@0-9", f[:3]}, {"s/0/d/log@0-9", f[3:6]}}, f[:6]},
		{"two logs", []sentMessage{{"s/0/d/log@0-9", f[:3]}, {"s/1/d/log@0-9", f[:3]}}, slices.Concat(f[:3], f[:3])},
	} {
		for order, batches := range map[string]func([]*message) [][]*message{
			"one by one": func(all []*message) [][]*message { return slices.Collect(slices.Chunk(all, 1)) },
			"together":   func(all []*message) [][]*message { return [][]*message{all} },
			"backwards": func(all []*message) [][]*message {
				slices.Reverse(all)
				return slices.Collect(slices.Chunk(all, 1))
			},
		} {
			t.Run(c.name+", "+order, func(t *testing.T) {
				if _, err := s.conn.Exec(t.Context(), "TRUNCATE flows, messages"); err != nil {
					t.Fatal(err)
				}
				var all []*message
				for _, m := range c.messages {
					all = append(all, m.read(t))
				}
				for _, batch := range batches(all) {
					if _, err := s.save(t.Context(), batch); err != nil {
						t.Fatal(err)
					}
				}
				want := multiset{}
				for _, text := range c.want {
					want.addJSON(t, text)
				}
				wantFlows(t, url, want)
			})
		}
	}
}

// TestConsumersAtOnce: four consumers store overlapping messages at the same time.
func TestConsumersAtOnce(t *testing.T) {
	t.Parallel()
	url := startPostgres(t, "fsync=off").url()
	flows := goldenFlows(t, "level15")
	want := multiset{}
	for _, text := range flows {
		want.addJSON(t, text)
	}
	var group errgroup.Group
	for i, size := range []int{100, 70, 100, 33} { // flow n is at byte n of the log
		var all []*message
		for from := 0; from < len(flows); from += size {
			to := min(from+size, len(flows))
			all = append(all, sentMessage{fmt.Sprintf("s/0/d/log@%d-%d", from, to), flows[from:to]}.read(t))
		}
		if i == 2 {
			slices.Reverse(all)
		}
		group.Go(func() error {
			s, err := openStore(t.Context(), url)
			if err != nil {
				return err
			}
			defer s.close()
			for batch := range slices.Chunk(all, 3) {
				if _, err := s.save(t.Context(), batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	wantFlows(t, url, want)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// The digest of each flow stands in one stored message only.
	var digests int
	if err := conn.QueryRow(t.Context(), "SELECT sum(length(flows)) / 8 FROM messages").Scan(&digests); err != nil || digests != len(flows) {
		t.Errorf("%d digests of %d flows, %v", digests, len(flows), err)
	}
}
