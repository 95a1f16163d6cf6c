package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestQueriesOfThePage runs every SQL statement for PostgreSQL in docs/archive.md, with the
// flows of real logs.
func TestQueriesOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/archive.md")
	if err != nil {
		t.Fatal(err)
	}
	text, _, found := strings.Cut(string(page), "## ClickHouse")
	if !found {
		t.Fatal("the page has changed: this test does not know where the part for PostgreSQL ends")
	}
	s, err := openStore(t.Context(), startPostgres(t, "fsync=off").url())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for i, body := range messagesOf(goldenFlows(t, "lossy_level31"), 100) {
		m := read(asDelivery(fmt.Sprintf("sensor1/0/2026_11_22_20_26.out/log_tcp_complete@%d-%d", i, i+1), body))
		if _, err := s.save(t.Context(), []*message{m}); err != nil {
			t.Fatal(err)
		}
	}
	statements := statementsOf(text)
	for _, sql := range statements {
		rows, err := s.conn.Query(t.Context(), sql)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
			continue
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%v\n%s", err, sql)
		}
		if n == 0 && strings.HasPrefix(sql, "SELECT") && !strings.Contains(sql, "192.0.2.0") { // no flow has an address of the documentation
			t.Errorf("no rows:\n%s", sql)
		}
	}
	if len(statements) < 7 {
		t.Errorf("only %d statements were found", len(statements))
	}
}

// statementsOf returns the SQL statements in the indented blocks of a page, with Grafana's macros
// replaced.
func statementsOf(page string) (statements []string) {
	macros := strings.NewReplacer(
		"$__timeGroupAlias(started, '1m')", "floor(extract(epoch from started)/60)*60 AS time",
		"$__timeFilter(started)", "started BETWEEN '2026-11-22T00:00:00Z' AND '2026-11-23T00:00:00Z'",
		"now() - interval", "timestamptz '2026-11-23' - interval")
	for block := range strings.SplitSeq(page, "\n\n") {
		code := strings.TrimPrefix(block, "    ")
		if code == block {
			continue
		}
		code = strings.TrimPrefix(code, `psql tstat -c "`)
		code = strings.TrimSuffix(code, `"`)
		for _, word := range []string{"SELECT", "DROP", "DELETE"} {
			if strings.HasPrefix(code, word) {
				for sql := range strings.SplitSeq(macros.Replace(code), ";") {
					if sql = strings.TrimSpace(sql); sql != "" {
						statements = append(statements, sql)
					}
				}
			}
		}
	}
	return statements
}
