package loggen_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tstat-transport/bench/loggen"
)

// What the books say is what a slow reader finds, at every layout, with every dirt.
func TestBooks(t *testing.T) {
	for _, c := range corpusLogs {
		for _, p := range []loggen.Proto{loggen.TCP, loggen.UDP} {
			for _, threshold := range []float64{0, 0.001, 1000} {
				for _, dirt := range []float64{0, 0.3} {
					o := loggen.Options{Seed: 11, Version: c.version, Level: c.level, Large: 0.1, Dirt: dirt, Cut: dirt > 0, Threshold: threshold}
					log, books := logOf(t, o, p, loggen.Rows(400))
					got := read(string(log), threshold*1e6)
					got.Logs, got.Bytes = 1, int64(len(log))
					if p == loggen.TCP {
						got.TCPRows = got.Rows
					} else {
						got.UDPRows = got.Rows
					}
					if got != books {
						t.Errorf("%s %s threshold %v dirt %v:\nread %+v\nbooks %+v", c.version, p, threshold, dirt, got, books)
					}
					if dirt == 0.3 && (books.Malformed < 20 || books.Malformed > 200 || books.Incomplete != 1) {
						t.Errorf("%s %s: books %+v for 400 rows, 0.3 of them dirt", c.version, p, books)
					}
					if dirt == 0 && (books.Rows != 400 || books.Malformed+books.Incomplete != 0 || books.Large < 10 || books.Large > 90) {
						t.Errorf("%s %s: books %+v for 400 clean rows, 0.1 of them large", c.version, p, books)
					}
				}
			}
		}
	}
}

// Dirt of every sort comes up.
func TestDirt(t *testing.T) {
	log, _ := logOf(t, loggen.Options{Dirt: 0.5}, loggen.TCP, loggen.Rows(2000))
	for what, form := range map[string]string{
		"a name with a space":    ` a b\.test `,
		"a name with a newline":  `(?m) new$`,
		"a name that is no text": `\xff\xfe\x80`,
		"a repeated header":      `(?m)\n#15#c_ip`,
		"another header":         `(?m)\n#11#c_ip`,
		"an empty line":          `(?m)\n\n`,
		"a bad count":            ` 12a4 `,
		"a count that is large":  ` 4611686018427387904 `,
	} {
		// bytes as runes of their own, as a regexp has no other way to name them
		var latin1 strings.Builder
		for _, b := range log {
			latin1.WriteRune(rune(b))
		}
		if !regexp.MustCompile(form).MatchString(latin1.String()) {
			t.Errorf("%s is missing", what)
		}
	}
}

var (
	countForm   = regexp.MustCompile(`^[0-9]+$`)
	timeForm    = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	addressForm = regexp.MustCompile(`^[0-9a-fA-F:.]+$`)
)

// read counts as a reader must that sends flows of at least so many bytes.
func read(log string, threshold float64) (b loggen.Books) {
	at := map[string]int{}
	for line := range strings.Lines(log) {
		text, whole := strings.CutSuffix(line, "\n")
		if text == "" {
			continue
		}
		if text[0] == '#' {
			clear(at)
			for i, c := range strings.Split(text[strings.LastIndexByte(text, '#')+1:], " ") {
				name, _, _ := strings.Cut(c, ":")
				if _, ok := at[name]; !ok {
					at[name] = i
				}
			}
			continue
		}
		flows, large, err := examine(strings.Split(text, " "), at, threshold)
		if err != nil && !whole {
			b.Incomplete++
			continue
		}
		b.Rows++
		if err != nil {
			b.Malformed++
			continue
		}
		b.Flows += int64(flows)
		if large {
			b.Large++
		}
	}
	return b
}

func examine(fields []string, at map[string]int, threshold float64) (flows int, large bool, err error) {
	get := func(name string, form *regexp.Regexp) string {
		i, ok := at[name]
		if !ok {
			return ""
		}
		if i >= len(fields) || !form.MatchString(fields[i]) {
			err = fmt.Errorf("column %s is not well formed", name)
			return ""
		}
		return fields[i]
	}
	deciding, times := "bytes_all", []string{}
	if _, tcp := at["c_bytes_uniq"]; tcp {
		deciding, times = "bytes_uniq", []string{"first", "last", "durat"}
	}
	for _, side := range []string{"c_", "s_"} {
		n, _ := strconv.ParseUint(get(side+deciding, countForm), 10, 64)
		if n >= 1<<61 {
			err = fmt.Errorf("%d bytes", n)
		}
		large = large || n >= loggen.LargeBytes
		if float64(n) >= threshold {
			flows++
		}
	}
	if err != nil || flows == 0 {
		return 0, large, err
	}
	for _, side := range []string{"c_", "s_"} {
		get(side+"ip", addressForm)
		get(side+"port", countForm)
		for _, c := range []string{"pkts_all", "pkts_data", "pkts_retx", "pkts_unfs", "cwin_min"} {
			get(side+c, countForm)
		}
		for _, c := range []string{"rtt_avg", "rtt_std", "durat", "first_abs"} {
			get(side+c, timeForm)
		}
	}
	for _, c := range times {
		get(c, timeForm)
	}
	return flows, large, err
}
