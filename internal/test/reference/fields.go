package reference

import (
	"fmt"
	"math/big"
	"regexp"

	"tstat-transport/internal/message"
)

var (
	address   = regexp.MustCompile(`^[0-9a-fA-F:.]{1,45}$`)
	digits    = regexp.MustCompile(`^[0-9]+$`)
	notFinite = regexp.MustCompile(`^-?(nan|inf)$`)
	decimal   = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

	counterLimit = new(big.Int).Lsh(big.NewInt(1), 64)
	bytesLimit   = new(big.Int).Lsh(big.NewInt(1), 61)
	timeLimit    = big.NewRat(1e15, 1) // ms
)

// row reads the columns of one line.
type row struct {
	fields  []string
	columns map[string]int
	err     error // the reason why the first malformed column is malformed
	nulls   int   // number of statistics that are nan or inf
}

// has reports whether the header in force names the column.
func (r *row) has(column string) bool {
	_, ok := r.columns[column]
	return ok
}

// field returns the column's text if it matches, else fallback.
func (r *row) field(column string, wanted *regexp.Regexp, fallback string) string {
	i := r.columns[column]
	if i >= len(r.fields) {
		r.fail("column %s (%d): missing, the line ends after %d fields", column, i+1, len(r.fields))
		return fallback
	}
	if !wanted.MatchString(r.fields[i]) {
		r.fail("column %s (%d): %q does not match %s", column, i+1, r.fields[i], wanted)
		return fallback
	}
	return r.fields[i]
}

func (r *row) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// integer returns the number in a column, which must be below limit.
func (r *row) integer(column string, limit *big.Int) *big.Int {
	n, _ := new(big.Int).SetString(r.field(column, digits, "0"), 10)
	if n.Cmp(limit) >= 0 {
		r.fail("column %s (%d): %s is not below %s", column, r.columns[column]+1, n, limit)
	}
	return n
}

// bits returns eight times a byte count.
func (r *row) bits(column string) *big.Int {
	return new(big.Int).Mul(r.integer(column, bytesLimit), big.NewInt(8))
}

// isNotFinite reports whether a statistic is nan or inf.
func (r *row) isNotFinite(column string) bool {
	i := r.columns[column]
	return i < len(r.fields) && notFinite.MatchString(r.fields[i])
}

// isNull reports whether a statistic is null: the header lacks the statistic, or the
// statistic is nan or inf. In the second case isNull adds 1 to r.nulls.
func (r *row) isNull(column string) bool {
	if !r.has(column) {
		return true
	}
	if r.isNotFinite(column) {
		r.nulls++
		return true
	}
	return false
}

// port returns a port.
func (r *row) port(column string) message.Number {
	return message.Number(r.integer(column, counterLimit).String())
}

// counter returns a counter or null.
func (r *row) counter(column string) message.Number {
	if r.isNull(column) {
		return ""
	}
	return message.Number(r.integer(column, counterLimit).String())
}

// either returns the smaller (sign -1) or larger (sign +1) of two counters, and null if one of
// them is null.
func (r *row) either(a, b string, sign int) message.Number {
	if !r.has(a) || !r.has(b) {
		return ""
	}
	if r.isNotFinite(a) || r.isNotFinite(b) {
		for _, column := range []string{a, b} {
			if !r.isNotFinite(column) {
				r.integer(column, counterLimit) // a malformed counter makes the row malformed
			}
		}
		r.nulls++
		return ""
	}
	x, y := r.integer(a, counterLimit), r.integer(b, counterLimit)
	if x.Cmp(y) != sign {
		x = y
	}
	return message.Number(x.String())
}

func (r *row) address(column string) string { return r.field(column, address, "") }

// ms returns the text of a time, duration or round-trip time in ms.
func (r *row) ms(column string) string { return r.inMs(column, r.field(column, decimal, "0")) }

// seconds returns the text, in ms, of a duration whose column is in seconds.
func (r *row) seconds(column string) string {
	return r.inMs(column, thousandfold(r.field(column, decimal, "0")))
}

func (r *row) inMs(column, text string) string {
	if rat(text).Cmp(timeLimit) >= 0 {
		r.fail("column %s (%d): %s ms is not below %s", column, r.columns[column]+1, text, timeLimit)
		return "0"
	}
	return text
}

// time returns the exact value of a time in ms.
func (r *row) time(column string) *big.Rat { return rat(r.ms(column)) }

// rtt returns a round-trip time rounded to three decimals or null.
func (r *row) rtt(column string) message.Number {
	if r.isNull(column) {
		return ""
	}
	return decimalText(round(r.ms(column), 3))
}
