package reference

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// The columns of generated headers, by protocol. *NAME is c_NAME and s_NAME. The order, the
// optional sets and the extra columns of a header are random. An extra column is
// unused, repeated, or used by one direction alone.
var (
	needed = map[Protocol]string{
		TCP: "*port *ip *bytes_uniq durat first last",
		UDP: "*port *ip *bytes_all *first_abs *durat",
	}
	optional = map[Protocol][]string{
		TCP: {"*pkts_data", "*bytes_retx *pkts_retx *syn_cnt *pkts_ooo", "*rtt_avg *rtt_min *rtt_max *rtt_std",
			"*pkts_rto *pkts_fs *pkts_reor *pkts_dup *pkts_unk *pkts_fc *pkts_unrto *pkts_unfs", "*cwin_max *cwin_min",
			"*win_scl *sack_cnt *mss", "*mss_max *mss_min *cwin_ini", "first_abs", "c_mss", "s_sack_cnt", "*pkts_retx"},
		UDP: {"*pkts_all"},
	}
	extra = []string{"*isint", "fqdn", "*bytes_all", "c_pkts_data", "http_hostname", "*win_max"}

	timeColumns = []string{"first", "last", "durat", "first_abs", "rtt_avg", "rtt_min", "rtt_max", "rtt_std"}
)

var (
	addresses = []string{"10.77.0.2", "fd77::c0c", "::", "::ffff:10.0.0.1", "255.255.255.255", "ABCD:ef::1"}
	times     = []string{"0.000000", "1.918000", "1795379200706.312012", "999.999999", "1000.000000", "0.0005", "1.0005",
		"2.675", "0.125", "5", "0", "00.50", "007", "4999.999999", "5000", "0.00049999999999999999999", "2382.802000",
		"9007199254740993", "18446744073709551616.75", "123456789012345678901234.5", "0.0000001"}
	counters = []string{"0", "1", "2", "3", "7", "007", "1460", "1363279906", "125000", "124999", "1000000000", "4294967296",
		"9007199254740993", "1152921504606846977", "2305843009213693951", "00000000000000000000000000000005"}
	wrong = []string{"", "-", "-1", "+1", "1.", ".5", "1e3", "1 ", "0x10", "1_000", "nan", "-nan", "inf", "-inf", "Inf", "NaN", "+nan", "nan0", "1,5", "٣", "\xff\xfe",
		"1\x00", "1\r", "a b", "\"", "\\", "#", "1.2.3", "fe80::1%eth0", "g::1", "2305843009213693952",
		"18446744073709551615", "18446744073709551616", "99999999999999999999999999999999999999"}
	names = []string{"-", "www.example.test", "a b.test", "a  b", "q\"uo\\te", "\xff\xc3\x28", "two\nlines", "\n", "cr\r", "nul\x00",
		"#15#c_ip:1", "#c_ip:1 c_port:2", "<&>", "\u2028", ""}
)

// Generate returns a log of well-formed and malformed rows, with much of what Tstat, the network
// and a crash can do to a log: columns are moved, repeated or missing, headers stand in mid-file,
// lines end with CR LF, names split a line, values are at a limit, and the end is cut. It makes
// no runs of zero bytes. The same random source gives the same log.
func Generate(random *rand.Rand, protocol Protocol) []byte {
	var log bytes.Buffer
	if random.IntN(8) == 0 {
		log.WriteString("\xef\xbb\xbf")
	}
	columns := writeHeader(&log, random, protocol)
	lines := random.IntN(12) * random.IntN(12)
	if random.IntN(16) == 0 {
		lines += 150 + random.IntN(300)
	}
	for range lines {
		switch random.IntN(40) {
		case 0:
			columns = writeHeader(&log, random, protocol)
		case 1:
			log.WriteString("\n")
		case 2:
			log.WriteString(pick(random, names) + "\n")
		default:
			writeRow(&log, random, columns)
		}
	}
	content := log.Bytes()
	if random.IntN(8) == 0 {
		content = bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n"))
	}
	switch random.IntN(4) {
	case 0:
		content = content[:random.IntN(len(content)+1)]
	case 1:
		content = content[:len(content)-1]
	}
	return content
}

// Corpus returns n logs of Generate, the same at every call. About a tenth of them are
// damaged.
func Corpus(protocol Protocol, n int) [][]byte {
	logs := make([][]byte, n)
	for i := range logs {
		logs[i] = Generate(rand.New(rand.NewPCG(uint64(i), 3)), protocol)
		if random := rand.New(rand.NewPCG(uint64(i), 1)); random.IntN(8) == 0 {
			damage(logs[i], random)
		}
	}
	return logs
}

// damage overwrites up to four bytes.
func damage(log []byte, random *rand.Rand) {
	for range random.IntN(5) {
		if len(log) > 0 {
			log[random.IntN(len(log))] = "\n #:.-09\xff\x00\r"[random.IntN(11)]
		}
	}
}

// writeHeader writes a header line and returns its columns.
func writeHeader(log *bytes.Buffer, random *rand.Rand, protocol Protocol) []string {
	groups := strings.Fields(needed[protocol])
	for _, set := range optional[protocol] {
		if random.IntN(4) > 0 {
			groups = append(groups, strings.Fields(set)...)
		}
	}
	for _, column := range extra {
		if random.IntN(3) == 0 {
			groups = append(groups, column)
		}
	}
	columns := both(groups)
	if random.IntN(2) == 0 { // a header in mid-file must have these columns
		for _, name := range both(strings.Fields(written[protocol])) {
			if !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
		}
	}
	random.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	first := slices.Index(columns, "c_ip") // Tstat writes c_ip first
	columns[0], columns[first] = columns[first], columns[0]
	log.WriteString(pick(random, []string{"#", "#15#", "#00#", "#1f#"}))
	base := 1
	if random.IntN(8) == 0 {
		base = 0
	}
	for i, column := range columns {
		if i > 0 {
			log.WriteString(" ")
		}
		fmt.Fprintf(log, "%s:%d", column, i+base)
	}
	log.WriteString("\n")
	return columns
}

// writeRow writes a row, which may have a wrong value, or too few or too many fields.
func writeRow(log *bytes.Buffer, random *rand.Rand, columns []string) {
	fields := make([]string, len(columns))
	for i, column := range columns {
		fields[i] = value(random, column)
	}
	switch random.IntN(12) {
	case 0:
		fields[random.IntN(len(fields))] = pick(random, wrong)
	case 1:
		fields = fields[:random.IntN(len(fields)+1)]
	case 2:
		fields = slices.Concat(fields, []string{pick(random, names), pick(random, names)})
	case 3:
		fields[random.IntN(len(fields))] = pick(random, names)
	}
	log.WriteString(strings.Join(fields, " ") + "\n")
}

func value(random *rand.Rand, column string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(column, "c_"), "s_")
	switch {
	case name == "ip":
		return pick(random, addresses)
	case slices.Contains(timeColumns, name):
		if random.IntN(2) == 0 {
			return fmt.Sprintf("%d.%06d", random.Int64N(1<<random.IntN(43)), random.IntN(1_000_000))
		}
		return pick(random, times)
	case random.IntN(2) == 0:
		return fmt.Sprint(random.Uint64N(1 << random.IntN(44)))
	}
	return pick(random, counters)
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }
