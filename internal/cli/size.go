package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseSize parses an amount of bytes: a number, which may have a fraction, followed by
// a unit. k, M, G, T and P are powers of 1000; Ki, Mi, Gi, Ti and Pi are powers of 1024.
// Case does not matter, and a B may follow. hasUnit is false for a number without a
// unit, which is an amount of bytes.
func ParseSize(text string) (bytes float64, hasUnit bool, err error) {
	number := strings.TrimRight(text, "BKMGTPIbkmgtpi")
	unit := strings.ToUpper(text[len(number):])
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) || strings.ContainsAny(number, "xX_") {
		return 0, false, fmt.Errorf("%q is not an amount such as 500k, 2.5M or 50Gi", text)
	}
	base, letter := 1000.0, strings.TrimSuffix(unit, "B")
	if short, ok := strings.CutSuffix(letter, "I"); ok {
		base, letter = 1024, short
	}
	power := strings.Index("KMGTP", letter) + 1
	switch {
	case letter == "" && base == 1000: // bytes
		power = 0
	case len(letter) != 1 || power == 0:
		return 0, false, fmt.Errorf("%q has an unknown unit: give k, M, G, T or P, or Ki, Mi, Gi, Ti or Pi", text)
	}
	return n * math.Pow(base, float64(power)), unit != "", nil
}
