package main

import (
	"fmt"
	"math/big"
	"strings"
)

// threshold is the value of -T: the smallest byte count of a flow that is sent.
type threshold struct {
	bytes uint64
}

const wantThreshold = "a number of megabytes, such as 1000 or 0.5"

// String returns the megabytes, exactly.
func (t threshold) String() string {
	const mega = 1_000_000
	text := fmt.Sprintf("%d.%06d", t.bytes/mega, t.bytes%mega)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// UnmarshalText parses a number of megabytes exactly, and rounds up to whole bytes.
func (t *threshold) UnmarshalText(text []byte) error {
	s := string(text)
	mb, ok := new(big.Rat).SetString(s)
	if !ok || len(s) > 40 || strings.Trim(s, "0123456789.") != "" { // Rat also accepts 1/3, 1e9 and 0x1
		return fmt.Errorf("%q: give %s", s, wantThreshold)
	}
	bytes := mb.Mul(mb, big.NewRat(1_000_000, 1))
	whole, rest := new(big.Int).QuoRem(bytes.Num(), bytes.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	if !whole.IsUint64() {
		return fmt.Errorf("%q: no flow is that large", s)
	}
	t.bytes = whole.Uint64()
	return nil
}
