package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteRate is the value of --max-rate, in bytes a second.
type byteRate struct {
	bytes int64
}

var rateUnits = map[byte]float64{'k': 1e3, 'K': 1e3, 'm': 1e6, 'M': 1e6, 'g': 1e9, 'G': 1e9}

// UnmarshalText reads a number, fractions allowed, with k, M or G behind it.
func (r *byteRate) UnmarshalText(text []byte) error {
	s := string(text)
	unit := 1.0
	if n := len(s); n > 0 && rateUnits[s[n-1]] != 0 {
		unit, s = rateUnits[s[n-1]], s[:n-1]
	}
	number, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "0123456789.") != "" || number*unit < 1 || number*unit > math.MaxInt32*1e3 {
		return fmt.Errorf("%q: give bytes a second, such as 500k or 2.5M", text)
	}
	r.bytes = int64(number * unit)
	return nil
}
