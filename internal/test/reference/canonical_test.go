package reference_test

import (
	"testing"

	"tstat-transport/internal/test/reference"
)

func TestCanonical(t *testing.T) {
	for want, texts := range map[string][]string{
		"0e0":                          {"0", "0.0", "-0", "0e5", "0.000e-3"},
		"1e0":                          {"1", "1.0", "1e0", "10e-1", "0.1E+1", "1.000"},
		"-125e-2":                      {"-1.25", "-1.250", "-125e-2", "-0.0125e2"},
		"18446744073709551616e0":       {"18446744073709551616", "18446744073709551616.0"},
		"1e3":                          {"1000", "1e3", "1000.00"},
		`{"a":[1e0,<nil>,],"b":true,}`: {`{"b":true,"a":[1,null]}`, ` { "a" : [ 1.0 , null ] , "b" : true } `},
		`"ü\""`:                        {`"ü\""`, `"\u00fc\u0022"`},
	} {
		for _, text := range texts {
			if got, err := reference.Canonical([]byte(text)); got != want || err != nil {
				t.Errorf("%s is %s, %v, want %s", text, got, err, want)
			}
		}
	}
	for _, text := range []string{"", "{", "1e99999999999999999999", "1 2", "[] x", "{}]"} {
		if got, err := reference.Canonical([]byte(text)); err == nil {
			t.Errorf("%s is %s, want an error", text, got)
		}
	}
}
