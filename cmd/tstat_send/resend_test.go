package main

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-11-23":                    time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local),
		"2026-11-23T10:05":              time.Date(2026, 11, 23, 10, 5, 0, 0, time.Local),
		"2026-11-23T10:05:00":           time.Date(2026, 11, 23, 10, 5, 0, 0, time.Local),
		"2026-11-23T10:05:01":           time.Date(2026, 11, 23, 10, 5, 1, 0, time.Local),
		"2026-11-23T23:59:59.5Z":        time.Date(2026, 11, 23, 23, 59, 59, 5e8, time.UTC),
		"2026-11-23T10:05:00+05:30":     time.Date(2026, 11, 23, 4, 35, 0, 0, time.UTC),
		"":                              {},
		"today":                         {},
		"2026_11_23_10_05":              {},
		"2026-11-23 10:05":              {},
		"2026-02-30":                    {},
		"2026-11-23T10:05:00+05:30 UTC": {},
	} {
		var m moment
		err := m.UnmarshalText([]byte(text))
		if want.IsZero() != (err != nil) || err == nil && !m.Equal(want) {
			t.Errorf("%q: %v, %v, want %v", text, m.Time, err, want)
		}
	}
}
