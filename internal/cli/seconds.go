package cli

import (
	"math"
	"time"
)

// Seconds returns d in seconds, as the number nearest to whole milliseconds. It
// prints with at most three decimals; Duration.Seconds, which adds whole seconds
// and a fraction, gives 1.7229999999999999 for 1.723 s.
func Seconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)) / 1000
}
