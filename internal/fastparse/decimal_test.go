package fastparse

import (
	"bufio"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// read reads text as the middle field of a block.
func read(text string) (d Decimal, ok bool) {
	block := append(make([]byte, 0, len(text)+8+Padding), "987 "+text+" 654"...)
	return readDecimal(block, 4, 4+len(text))
}

// written returns what a put function writes.
func written(put func(out []byte, o int) int) string {
	out := make([]byte, 4+MaxValue+MaxText)
	return string(out[4:put(out, 4)])
}

// set returns how a segment with the format Number writes the value that f sets.
func set(f func(*Value)) string {
	var v Value
	f(&v)
	return written(v.putNumber)
}

// Rounding and division give the results of Python 3.11. testdata/decimals.py wrote the
// results to decimals.txt.
func TestAsPython(t *testing.T) {
	file, err := os.Open("testdata/decimals.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := uint64(1)
	lines := bufio.NewScanner(file)
	n := 0
	for ; lines.Scan(); n++ {
		want := strings.Fields(lines.Text())
		text := want[0]
		d, ok := read(text)
		if !ok {
			t.Errorf("%s is not a decimal", text)
		}
		ms := d.Thousandths([]byte(text))
		seconds := Ratio(ms, 1000) / 1000
		count, err := strconv.ParseUint(want[3], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		quotient := "0"
		if count > 0 && before > 0 {
			quotient = written(func(out []byte, o int) int { return putShortest(out, o, Ratio(count, before)) })
		}
		before = count
		got := []string{
			text,
			written(func(out []byte, o int) int { return putThousandths(out, o, ms) }),
			set(func(v *Value) { v.setRounded(seconds) }),
			want[3],
			set(func(v *Value) { v.SetRate(count, seconds) }),
			quotient,
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if lines.Err() != nil || n < 300 {
		t.Errorf("%d lines, error %v", n, lines.Err())
	}
}

func TestReadDecimal(t *testing.T) {
	for text, want := range map[string]Decimal{
		"0":                        {},
		"0.000000":                 {},
		"1.5":                      {Whole: 1, micro: 500000},
		"1.000001":                 {Whole: 1, micro: 1},
		"1.0000010":                {Whole: 1, micro: 1},
		"1.0000001":                {Whole: 1, more: true},
		"1.00000000000000000000":   {Whole: 1},
		"1.0000000000000000000001": {Whole: 1, more: true},
		"007.25":                   {Whole: 7, micro: 250000},
		"999999999999999.999999":   {Whole: 999999999999999, micro: 999999},
		"999999999999999":          {Whole: 999999999999999},
		"00999999999999999.999999": {Whole: 999999999999999, micro: 999999},
		"0000000000000000000005.5": {Whole: 5, micro: 500000},
		"000000000000000.000001":   {micro: 1},
	} {
		if got, ok := read(text); !ok || got != want {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", ".000000", "1.5.0", "1..5", "-1", "+1", "1e3", "1,5", " 1", "1 ", "1.00000x",
		"x.000000", "1x.000000", "1.-00000", "1000000000000000", "1000000000000000.000000", "1000000000000000.5",
		"001000000000000000.5", "99999999999999999999999999999999.0", "1.5\n", "inf", "nan", "0x1", "1_0", "١"} {
		if got, ok := read(text); ok {
			t.Errorf("%q is %+v, want an error", text, got)
		}
	}
}

// The fast path and the slow path of readDecimal agree.
func TestReadDecimalRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		text := randomDecimal(random)
		if random.IntN(8) == 0 {
			i := random.IntN(len(text))
			text = text[:i] + string("0./:x 9"[random.IntN(7)]) + text[i+1:]
		}
		d, ok := read(text)
		slow, slowOK := readDecimalSlow([]byte(text))
		if ok != slowOK || ok && d != slow {
			t.Fatalf("%q: %+v, %v; slowly %+v, %v", text, d, ok, slow, slowOK)
		}
	}
}

// Thousandths and ShiftedThousandths round the exact value of the nearest double.
func TestThousandths(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 30_000 {
		text := randomDecimal(random)
		d, ok := read(text)
		if !ok {
			t.Fatal(text)
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := d.Thousandths([]byte(text)), bigThousandths(f); got != want {
			t.Fatalf("%s: %d thousandths, want %d", text, got, want)
		}
		if d.Whole >= MaxTime/1000 {
			continue
		}
		exact, _ := new(big.Rat).SetString(text)
		f, _ = exact.Mul(exact, big.NewRat(1000, 1)).Float64()
		if got, want := d.ShiftedThousandths([]byte(text)), bigThousandths(f); got != want {
			t.Fatalf("1000 times %s: %d thousandths, want %d", text, got, want)
		}
	}
}

// bigThousandths rounds the exact value of f to thousandths, ties to even.
func bigThousandths(f float64) uint64 {
	exact := new(big.Rat).SetFloat64(f)
	exact.Mul(exact, big.NewRat(1000, 1))
	floor := new(big.Int).Quo(exact.Num(), exact.Denom())
	rest := exact.Sub(exact, new(big.Rat).SetInt(floor))
	n := floor.Uint64()
	if c := rest.Cmp(big.NewRat(1, 2)); c > 0 || c == 0 && n%2 == 1 {
		n++
	}
	return n
}

func randomDecimal(random *rand.Rand) string {
	whole := strconv.FormatUint(random.Uint64N(uint64(math.Pow10(1+random.IntN(15)))), 10)
	if random.IntN(8) == 0 {
		whole = strings.Repeat("0", random.IntN(20)) + whole
	}
	digits := 6
	if random.IntN(2) == 0 {
		digits = random.IntN(12)
	}
	if digits == 0 {
		return whole
	}
	fraction := strconv.FormatUint(random.Uint64N(1e12), 10) + strings.Repeat("0", 12)
	if random.IntN(3) == 0 {
		fraction = fraction[:3] + "500000000"
	}
	return whole + "." + fraction[:digits]
}

func TestAddDifference(t *testing.T) {
	for _, c := range []struct {
		a, b, c string
		want    uint64
	}{
		{"1999.6", "0.9", "0.5", 2000},
		{"1999.5", "0.9", "0.5", 1999},
		{"1999.599999", "0.900000", "0.500000", 1999},
		{"1999.6", "0.5", "0.9", 1999},
		{"1000", "0.5", "3000", 0},
		{"0.999999", "0", "1", 0},
		{"1", "0.000001", "0.000002", 0},
		{"0", "999999999999999.999999", "0", 999999999999999},
		{"999999999999999.999999", "999999999999999.999999", "0", 1999999999999999},
		{"0.9999999", "0.0000001", "0", 1},
		{"0.9999998", "0.0000001", "0", 0},
		{"1", "0", "0.0000001", 0},
		{"1", "0", "1.0000001", 0},
	} {
		x, _ := read(c.a)
		y, _ := read(c.b)
		z, _ := read(c.c)
		if got := AddDifferenceText([]byte(c.a), []byte(c.b), []byte(c.c)); got != c.want {
			t.Errorf("exactly %s + (%s - %s) = %d, want %d", c.a, c.b, c.c, got, c.want)
		}
		if got, exact := AddDifference(x, y, z); exact != (!x.more && !y.more && !z.more) || exact && got != c.want {
			t.Errorf("%s + (%s - %s) = %d, want %d", c.a, c.b, c.c, got, c.want)
		}
	}
}

func TestPutUint(t *testing.T) {
	numbers := []uint64{0, math.MaxUint64}
	for n := uint64(1); n < 1e19; n *= 10 {
		numbers = append(numbers, n-1, n, n+1, 7*n, 9*n+n/7)
	}
	for _, n := range numbers {
		want := strconv.FormatUint(n, 10)
		if got := written(func(out []byte, o int) int { return putUint(out, o, n) }); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// putThousandths writes the shortest text that reads back as the same double.
func TestPutThousandths(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	numbers := []uint64{0, 1, 10, 999, 1000, 1e18, 8796093022208039, 8801793022208029, 1<<53 - 1, 1 << 53}
	for range 50_000 {
		numbers = append(numbers, random.Uint64N(1e18)>>random.IntN(60), maxThousandths-1e14+random.Uint64N(1e15))
	}
	for _, n := range numbers {
		want := strconv.FormatFloat(Ratio(n, 1000), 'f', -1, 64)
		if !strings.Contains(want, ".") {
			want += ".0"
		}
		if got := written(func(out []byte, o int) int { return putThousandths(out, o, n) }); got != want {
			t.Fatalf("%d: %s, want %s", n, got, want)
		}
	}
}

// setRounded rounds as strconv does, and writes the shortest text that reads back as the
// rounded double.
func TestSetRounded(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	numbers := []float64{0, math.SmallestNonzeroFloat64, 0.001, 0.005, 0.0049999, 0.015, 0.125, 0.375, 0.994999, 0.995, 0.99500001, 0.999,
		1.005, 2.675, 1 << 52, 1<<53 - 1, 1<<53 - 0.5, 1 << 53, 1 << 63, 1.8446744073709552e25, 1.0 / (1 << 11), 1.0 / (1 << 12), 9.999, 99.995}
	for range 50_000 {
		x := random.Float64() * math.Pow10(random.IntN(17))
		numbers = append(numbers, x, math.Round(x*200)/200, math.Round(x*8)/8)
	}
	for _, x := range numbers {
		want := strconv.FormatFloat(x, 'f', 2, 64)
		rounded, err := strconv.ParseFloat(want, 64)
		if err != nil {
			t.Fatal(err)
		}
		if want = strconv.FormatFloat(rounded, 'f', -1, 64); !strings.Contains(want, ".") {
			want += ".0"
		}
		if got := set(func(v *Value) { v.setRounded(x) }); got != want {
			t.Fatalf("%g: %s, want %s", x, got, want)
		}
	}
}
