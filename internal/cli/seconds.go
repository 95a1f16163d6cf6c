package cli

import (
	"math"
	"time"
)

// Seconds returns d in seconds, rounded to milliseconds. The result prints with at most
// three decimals. Duration.Seconds adds whole seconds and a fraction, which gives
// 1.7229999999999999 for 1.723 s.
func Seconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)) / 1000
}
