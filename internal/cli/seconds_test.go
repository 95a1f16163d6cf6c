package cli

import (
	"fmt"
	"testing"
	"time"
)

func TestSecondsHaveThreeDecimals(t *testing.T) {
	for ms := range 20000 {
		want := fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
		if got := Seconds(time.Duration(ms) * time.Millisecond); fmt.Sprintf("%.3f", got) != want || len(fmt.Sprint(got)) > len(want) {
			t.Fatalf("%v, want %s", got, want)
		}
	}
}
