package message

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"tstat-transport/internal/fastparse"
)

// joined are the pieces before, one of this kind, and one behind, as joinQuick
// and joinPortable write them: of field, which stands in a block between others,
// or of v.
func joined(t *testing.T, k kind, field string, v value) (got string, ok bool) {
	t.Helper()
	const before, behind = "0 98765432 ", " 12345678 9\n"
	block := append(make([]byte, 0, len(before)+len(field)+len(behind)+fastparse.Padding), before+field+behind...)
	layout, err := fastparse.ParseHeader(fastparse.UDP, []byte("c_bytes_all s_bytes_all statistic c_ip c_port s_ip s_port c_first_abs s_first_abs c_durat s_durat"))
	if err != nil {
		t.Fatal(err)
	}
	e := &Encoder{block: block, layout: layout}
	e.fields.Starts = [...]uint32{2: uint32(len(before)), 3: uint32(len(before) + len(field) + 1), 2*fastparse.MaxColumns - 1: 0}
	e.values[numBits] = v
	at := uint16(2)
	if k > rtt {
		at = numBits
	}
	if k == moment {
		e.values[numBits].whole = 2
	}
	pieces := []piece{{text: [textSize]byte{'<'}, len: 1, kind: k, at: at}, {text: [textSize]byte{'>'}, len: 1, kind: text}}
	var texts [2]string
	for i, join := range []func([]piece, []byte, int) (end, bad int){e.join, e.joinPortable} {
		const room = 1 + 2*textSize + 3*maxValue
		out := []byte(strings.Repeat("x", room+8))
		end, bad := join(pieces, out, 1)
		if bad >= 0 && bad != 2 {
			t.Fatalf("%q: column %d is malformed", field, bad)
		}
		if bad < 0 {
			texts[i] = string(out[1:end])
		}
		if out[0] != 'x' || string(out[room:]) != "xxxxxxxx" {
			t.Fatalf("%q: wrote outside of its room: %q", field, out)
		}
	}
	if texts[0] != texts[1] {
		t.Fatalf("kind %d, field %q, value %+v: %q, portably %q", k, field, v, texts[0], texts[1])
	}
	got, ok = strings.CutSuffix(strings.TrimPrefix(texts[0], "<"), ">")
	return got, ok
}

func TestJoinNumbers(t *testing.T) {
	numbers := []uint64{0, 9, 10, math.MaxUint64, math.MaxUint64 - 7}
	for n := uint64(1); n < 1e19; n *= 10 {
		numbers = append(numbers, n-1, n, n+1, 7*n, 9*n+n/7)
	}
	for _, n := range numbers {
		for _, tail := range []string{"", ".0", ".25", ".375"} {
			v := value{whole: n, tailLen: uint32(len(tail))}
			for i, c := range []byte(tail) {
				v.tail |= uint32(c) << (8 * i)
			}
			if got, ok := joined(t, number, "", v); !ok || got != fmt.Sprint(n)+tail {
				t.Fatalf("%d%s: %q", n, tail, got)
			}
		}
	}
}

func TestJoinCounters(t *testing.T) {
	fields := []string{"", "18446744073709551615", "18446744073709551616", "0000000000000000000000000000000000000000000000001"}
	for n := 1; n <= 25; n++ {
		fields = append(fields, strings.Repeat("0", n), strings.Repeat("9", n), "1234567890123456789012345"[:n], "1000000000000000000000000"[:n])
	}
	for _, field := range fields {
		eachChanged(field, func(field string) {
			block := append(make([]byte, 0, len(field)+fastparse.Padding), field...)
			n, wantOK := fastparse.Uint(block, 0, len(field))
			if got, ok := joined(t, counter, field, value{}); ok != wantOK || ok && got != fmt.Sprint(n) {
				t.Fatalf("%q: %q, %v", field, got, ok)
			}
		})
	}
}

// TestJoinNotFinite: what Tstat computed as nan or inf is null, and nothing else
// is.
func TestJoinNotFinite(t *testing.T) {
	for field, want := range map[string]bool{"nan": true, "-nan": true, "inf": true, "-inf": true,
		"": false, "NaN": false, "+nan": false, "nan0": false, "nan ": false, "-": false, "infinity": false, "1nan": false, "--inf": false} {
		for _, k := range []kind{counter, rtt} {
			if got, ok := joined(t, k, field, value{}); ok != want || ok && got != "null" {
				t.Errorf("kind %d, %q: %q, %v", k, field, got, ok)
			}
		}
		for _, k := range []kind{address, moment} {
			if got, ok := joined(t, k, field, value{}); ok {
				t.Errorf("kind %d, %q: %q", k, field, got)
			}
		}
	}
}

func TestJoinAddresses(t *testing.T) {
	for n := range 60 {
		eachChanged(strings.Repeat("10.0:fA", 9)[:n], func(field string) {
			if got, ok := joined(t, address, field, value{}); ok != fastparse.IsAddress([]byte(field)) || ok && got != field {
				t.Fatalf("%q: %q, %v", field, got, ok)
			}
		})
	}
}

func TestJoinTimes(t *testing.T) {
	check := func(field string) {
		d, wantOK := read(field)
		wantRTT, wantS, wantMS := "", "", ""
		if wantOK {
			wantRTT = written(func(out []byte, o int) int { return putThousandths(out, o, thousandths(d, []byte(field))) })
			wantS, wantMS = fmt.Sprint(d.whole/1000), fmt.Sprint(d.whole)
		}
		for _, c := range []struct {
			kind kind
			cut  uint32
			want string
		}{{rtt, 0, wantRTT}, {moment, 3, wantS}, {moment, 0, wantMS}} {
			if got, ok := joined(t, c.kind, field, value{cut: c.cut}); ok != wantOK || ok && got != c.want {
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
	for micro := range 1_000_000 { // a sample, and all about a tie
		if micro%61 == 0 || micro%1000 >= 499 && micro%1000 <= 501 {
			check(fmt.Sprintf("%d.%06d", micro%97, micro))
		}
	}
}

// eachChanged calls f with a field, and with each of its bytes changed.
func eachChanged(field string, f func(string)) {
	f(field)
	for i := range field {
		for _, c := range "0/:.-+ xgGF@`\x00\x80\xff" {
			f(field[:i] + string([]byte{byte(c)}) + field[i+1:])
		}
	}
}
