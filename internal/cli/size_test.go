package cli

import "testing"

func TestParseSize(t *testing.T) {
	for text, want := range map[string]float64{
		"5": 5, "5B": 5, "1.5k": 1500, "1.5Ki": 1536, "500K": 500e3, "2.5M": 2.5e6, "50G": 50e9, "50GB": 50e9, "50GiB": 50 << 30, "50GI": 50 << 30, "50gib": 50 << 30, "2 T": 2e12,
	} {
		got, unit, err := ParseSize(text)
		if err != nil || got != want || unit != (text != "5") {
			t.Errorf("%q: %v, %v, %v; want %v", text, got, unit, err, want)
		}
	}
	for _, bad := range []string{"", "k", "-1", "0", "5iB", "5I", "5GG", "5 foo", "NaN", "Inf", "0x10", "1_0", "5%"} {
		if got, _, err := ParseSize(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}
