package main

import (
	"fmt"
	"math"

	"tstat-transport/internal/cli"
)

// byteRate is the value of --max-rate, in bytes a second.
type byteRate struct {
	bytes int64
}

// UnmarshalText parses a size. It must be at least one byte and at most about 2 TB, far
// more than any network carries.
func (r *byteRate) UnmarshalText(text []byte) error {
	bytes, _, err := cli.ParseSize(string(text))
	if err != nil || bytes < 1 || bytes > math.MaxInt32*1e3 {
		return fmt.Errorf("%q: give bytes a second, such as 500k or 2.5M", text)
	}
	r.bytes = int64(bytes)
	return nil
}
