package fastparse

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// rendered returns what Render writes for a segment of the format: for field, which is the
// middle field of a block, or for v, depending on the format. It checks that
// renderPortable writes the same. ok is false if the field is malformed.
func rendered(t *testing.T, format Format, field string, v Value) (got string, ok bool) {
	t.Helper()
	const before, after = "0 98765432 ", " 12345678 9\n"
	block := append(make([]byte, 0, len(before)+len(field)+len(after)+Padding), before+field+after...)
	r := Renderer{Block: block, Values: []Value{1: v}}
	r.Fields.N = 3
	r.Fields.Starts[2], r.Fields.Starts[3] = uint32(len(before)), uint32(len(before)+len(field)+1)
	at := 2
	if format > Port {
		at = 1
	}
	if format == Timestamp {
		r.Values[1].column = 2
	}
	segments := []Segment{NewSegment([]byte("<"), format, at), NewSegment([]byte(">"), Text, 0)}
	var texts [2]string
	for i, render := range []func(out []byte) (end, nulls, bad int){
		func(out []byte) (end, nulls, bad int) { return r.Render(segments, out, 1) },
		func(out []byte) (end, nulls, bad int) {
			r.nulls = 0
			end, bad = r.renderPortable(segments, out, 1)
			return end, r.nulls, bad
		},
	} {
		const room = 1 + len("<") + MaxValue + len(">") + MaxValue
		out := []byte(strings.Repeat("x", room+8))
		end, nulls, bad := render(out)
		if bad >= 0 && bad != 2 {
			t.Fatalf("%q: column %d is malformed", field, bad)
		}
		if bad < 0 {
			texts[i] = string(out[1:end])
			if (texts[i] == "<null>") != (nulls == 1) {
				t.Fatalf("%q: %d nulls in %s", field, nulls, texts[i])
			}
		}
		if out[0] != 'x' || string(out[room:]) != "xxxxxxxx" {
			t.Fatalf("%q: wrote outside of its room: %q", field, out)
		}
	}
	if texts[0] != texts[1] {
		t.Fatalf("format %d, field %q, value %+v: %q, portably %q", format, field, v, texts[0], texts[1])
	}
	got, ok = strings.CutSuffix(strings.TrimPrefix(texts[0], "<"), ">")
	return got, ok
}

func TestRenderNumbers(t *testing.T) {
	numbers := []uint64{0, 9, 10, math.MaxUint64, math.MaxUint64 - 7}
	for n := uint64(1); n < 1e19; n *= 10 {
		numbers = append(numbers, n-1, n, n+1, 7*n, 9*n+n/7)
	}
	for _, n := range numbers {
		for _, tail := range []string{"", ".0", ".25", ".375"} {
			v := Value{whole: n, tailLen: uint32(len(tail))}
			for i, c := range []byte(tail) {
				v.tail |= uint32(c) << (8 * i)
			}
			if got, ok := rendered(t, Number, "", v); !ok || got != fmt.Sprint(n)+tail {
				t.Fatalf("%d%s: %q", n, tail, got)
			}
		}
	}
}

func TestRenderCounters(t *testing.T) {
	fields := []string{"", "18446744073709551615", "18446744073709551616", "0000000000000000000000000000000000000000000000001"}
	for n := 1; n <= 25; n++ {
		fields = append(fields, strings.Repeat("0", n), strings.Repeat("9", n), "1234567890123456789012345"[:n], "1000000000000000000000000"[:n])
	}
	for _, field := range fields {
		eachChanged(field, func(field string) {
			block := append(make([]byte, 0, len(field)+Padding), field...)
			n, wantOK := readUint(block, 0, len(field))
			if got, ok := rendered(t, Counter, field, Value{}); ok != wantOK || ok && got != fmt.Sprint(n) {
				t.Fatalf("%q: %q, %v", field, got, ok)
			}
		})
	}
}

// A counter or RTT that is nan or inf is written as null. Every other text that is not a
// number is malformed.
func TestRenderNotFinite(t *testing.T) {
	for field, want := range map[string]bool{"nan": true, "-nan": true, "inf": true, "-inf": true,
		"": false, "NaN": false, "+nan": false, "nan0": false, "nan ": false, "-": false, "infinity": false, "1nan": false, "--inf": false} {
		for _, format := range []Format{Counter, RTT} {
			if got, ok := rendered(t, format, field, Value{}); ok != want || ok && got != "null" {
				t.Errorf("format %d, %q: %q, %v", format, field, got, ok)
			}
		}
		for _, format := range []Format{Address, Timestamp, Port} {
			if got, ok := rendered(t, format, field, Value{}); ok {
				t.Errorf("format %d, %q: %q", format, field, got)
			}
		}
	}
}

func TestRenderAddresses(t *testing.T) {
	for n := range 60 {
		eachChanged(strings.Repeat("10.0:fA", 9)[:n], func(field string) {
			if got, ok := rendered(t, Address, field, Value{}); ok != isAddress([]byte(field)) || ok && got != field {
				t.Fatalf("%q: %q, %v", field, got, ok)
			}
		})
	}
}

func TestRenderTimes(t *testing.T) {
	check := func(field string) {
		d, wantOK := read(field)
		wantRTT, wantS, wantMS := "", "", ""
		if wantOK {
			wantRTT = written(func(out []byte, o int) int { return putThousandths(out, o, d.Thousandths([]byte(field))) })
			wantS, wantMS = fmt.Sprint(d.Whole/1000), fmt.Sprint(d.Whole)
		}
		for _, c := range []struct {
			format Format
			cut    uint32
			want   string
		}{{RTT, 0, wantRTT}, {Timestamp, 3, wantS}, {Timestamp, 0, wantMS}} {
			if got, ok := rendered(t, c.format, field, Value{cut: c.cut}); ok != wantOK || ok && got != c.want {
				t.Fatalf("%q, cut %d: %q, %v, want %q, %v", field, c.cut, got, ok, c.want, wantOK)
			}
		}
	}
	for whole := range 18 {
		for _, digits := range []string{"123456789012345678", "999999999999999999", "000000000000000000", "1000000000000000000"} {
			for _, decimals := range []string{".000000", ".999499", ".999500", ".999501", ".123456", ".5", "", ".1234567", "."} {
				eachChanged(digits[:whole]+decimals, check)
			}
		}
	}
	for micro := range 1_000_000 { // a sample, and all ties with their neighbours
		if micro%61 == 0 || micro%1000 >= 499 && micro%1000 <= 501 {
			check(fmt.Sprintf("%d.%06d", micro%97, micro))
		}
	}
}

// eachChanged calls f with a field, and with the field after each change of one byte.
func eachChanged(field string, f func(string)) {
	f(field)
	for i := range field {
		for _, c := range []byte("0/:.-+ xgGF@`\x00\x80\xff") {
			f(field[:i] + string([]byte{c}) + field[i+1:])
		}
	}
}
