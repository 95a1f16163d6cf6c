package loggen

import "strconv"

// digits3 holds the numbers 0 to 999 with leading zeros. noise3 holds thousandths of a
// millisecond as %f prints them in a time since the epoch: a double of that size has a
// resolution of 1/4096, so 0.001 is printed as 000977.
var digits3, noise3 = func() (d [1000][3]byte, n [1000][6]byte) {
	for i := range 1000 {
		d[i] = [3]byte{byte('0' + i/100), byte('0' + i/10%10), byte('0' + i%10)}
		epoch := strconv.FormatFloat(float64(1_700_000_000_000_000+i)/1000, 'f', 6, 64)
		copy(n[i][:], epoch[len(epoch)-6:])
	}
	return d, n
}()

// appendEpoch appends a time in microseconds since the epoch as Tstat prints it: in
// milliseconds with six decimals. Zero is "0.000000".
func appendEpoch(b []byte, us uint64) []byte {
	b = strconv.AppendUint(b, us/1000, 10)
	b = append(b, '.')
	return append(b, noise3[us%1000][:]...)
}

// appendMillis appends microseconds as milliseconds with six decimals.
func appendMillis(b []byte, us uint64) []byte {
	b = strconv.AppendUint(b, us/1000, 10)
	b = append(b, '.')
	b = append(b, digits3[us%1000][:]...)
	return append(b, "000"...)
}

// appendMillionths appends a number of millionths with six decimals.
func appendMillionths(b []byte, n uint64) []byte {
	b = strconv.AppendUint(b, n/1_000_000, 10)
	b = append(b, '.')
	b = append(b, digits3[n/1000%1000][:]...)
	return append(b, digits3[n%1000][:]...)
}

// millionths parses a number with six decimals, such as 1.918000.
func millionths(s string) uint64 {
	point := len(s) - 7
	if point < 1 || s[point] != '.' {
		panic("BUG: not a number with six decimals: " + s)
	}
	return number(s[:point])*1_000_000 + number(s[point+1:])
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return n
}
