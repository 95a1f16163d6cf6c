package reference

import (
	"strconv"
	"testing"
)

// The wanted values are those of round(float(text), decimals) in Python 3.11.
func TestRoundAsPython(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int
		want     string
	}{
		{"0.0005", 3, "0.001"},
		{"0.0015", 3, "0.002"},
		{"0.0025", 3, "0.003"},
		{"0.0035", 3, "0.004"},
		{"2.675", 2, "2.67"},
		{"1.005", 2, "1.0"},
		{"0.125", 2, "0.12"},
		{"0.375", 2, "0.38"},
		{"0.625", 2, "0.62"},
		{"0.875", 2, "0.88"},
		{"0.0625", 3, "0.062"},
		{"0.1875", 3, "0.188"},
		{"1.0625", 3, "1.062"},
		{"5.015", 2, "5.01"},
		{"0.285", 2, "0.28"},
		{"0.005", 2, "0.01"},
		{"0.015", 2, "0.01"},
		{"0.025", 2, "0.03"},
		{"0.045", 2, "0.04"},
		{"0.9995", 3, "1.0"},
		{"1.9995", 3, "2.0"},
		{"0.0004999999999", 3, "0.0"},
		{"0.00049999999999999999999", 3, "0.001"},
		{"1795379200706.312012", 3, "1795379200706.312"},
		{"999999999999.9995", 3, "1000000000000.0"},
		{"4503599627370497.5", 2, "4503599627370498.0"},
		{"9007199254740993", 2, "9007199254740992.0"},
		{"3333333333333333.5", 2, "3333333333333333.5"},
		{"123456789012345678901234", 3, "123456789012345690000000.0"},
	} {
		if got := decimalText(round(c.text, c.decimals)); string(got) != c.want {
			t.Errorf("round(%s, %d) = %s, want %s", c.text, c.decimals, got, c.want)
		}
	}
	value, err := strconv.ParseFloat("1e16", 64)
	if err != nil {
		t.Fatal(err)
	}
	if got := decimalText(roundFloat(value/3, 2)); got != "3333333333333333.5" {
		t.Errorf("round(1e16/3, 2) = %s", got)
	}
}

func TestThousandfold(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0000", "5": "5000", "0.5": "0500", "0.004999": "0004.999", "1.001": "1001", "12.3456": "12345.6",
	} {
		if got := thousandfold(text); got != want {
			t.Errorf("thousandfold(%s) = %s, want %s", text, got, want)
		}
	}
}
