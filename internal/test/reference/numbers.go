package reference

import (
	"math/big"
	"strconv"
	"strings"

	"tstat-transport/internal/message"
)

// rat returns the exact value of decimal text.
func rat(text string) *big.Rat {
	value, ok := new(big.Rat).SetString(text)
	if !ok {
		panic("not a decimal number: " + text)
	}
	return value
}

// cutOff rounds towards zero.
func cutOff(value *big.Rat) string {
	return new(big.Int).Quo(value.Num(), value.Denom()).String()
}

// thousandfold shifts the point of decimal text three places to the right.
func thousandfold(text string) string {
	whole, fraction, _ := strings.Cut(text, ".")
	for len(fraction) < 3 {
		fraction += "0"
	}
	if len(fraction) > 3 {
		return whole + fraction[:3] + "." + fraction[3:]
	}
	return whole + fraction
}

// round returns what Python's round(float(text), decimals) returns.
func round(text string, decimals int) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return roundFloat(value, decimals)
}

// roundFloat returns what Python's round(value, decimals) returns: the float nearest to the
// decimal that is nearest to the exact value. Of two equally near decimals, the even one counts.
func roundFloat(value float64, decimals int) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(value, 'f', decimals, 64), 64)
	if err != nil {
		panic(err)
	}
	return rounded
}

// decimalText returns the shortest decimal that parses as the float, without an exponent and
// with at least one decimal.
func decimalText(value float64) message.Number {
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return message.Number(text)
}
