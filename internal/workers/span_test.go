package workers

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The times in the table are hours of one day, or hours and minutes.
func TestMissing(t *testing.T) {
	for _, c := range []struct{ name, span, starts, want string }{
		{"all there", "10-14", "8 9 10 11 12 13 14 15", ""},
		{"one is missing", "10-14", "8 9 10 12 13 14", "11:00-12:00"},
		{"several", "10-18", "8 9 10 12 13 16 17 18 19", "11:00-12:00 14:00-16:00"},
		{"the last of the span", "10-14", "8 9 10 11 12 16", "13:00-14:00"},
		{"only outside", "10-14", "5 6 7 8 16 17 18 19", "10:00-14:00"},
		{"nothing before", "10-14", "12 13 14 15 16", "10:00-12:00"},
		{"nothing behind", "10-14", "7 8 9 10 11", "12:00-14:00"},
		{"nothing at all", "10-14", "", "10:00-14:00"},
		{"a gap outside", "10-12", "1 2 3 6 7 8 9 10 11 12", ""},
		{"a gap that ends where the span begins", "10-12", "5 6 7 8 10 11 12", ""},
		{"starts beside the hour", "10-14", "9:07 10:07 11:07 12:07 13:07 14:07", ""},
		{"a restart within the hour", "10-14", "8 9 10 11:20 12:20 13:20 14:20", ""},
		{"minutes", "10-10:20", "9:50 9:55 10 10:05 10:15 10:20", "10:10-10:15"},
		{"equal start times", "10-12", "8 9 9 10 10 11 11 12", ""},
		{"an empty span", "10-10", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			since, until, _ := strings.Cut(c.span, "-")
			var starts []time.Time
			for s := range strings.FieldsSeq(c.starts) {
				starts = append(starts, hour(t, s))
			}
			var got []string
			for _, gap := range (Span{hour(t, since), hour(t, until)}).missing(starts) {
				got = append(got, gap.Since.Format("15:04")+"-"+gap.Until.Format("15:04"))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

func hour(t *testing.T, text string) time.Time {
	t.Helper()
	if !strings.Contains(text, ":") {
		text += ":00"
	}
	at, err := time.Parse("2006-01-02 15:04", fmt.Sprintf("2026-11-23 %05s", text))
	if err != nil {
		t.Fatal(err)
	}
	return at
}
