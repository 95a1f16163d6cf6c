package loggen

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// data holds headers and real rows of Tstat. tcp.rows and udp.rows have the columns of 3.2.1
// at level 15, tcp-packetstats-213.rows those of tcp-packetstats-213.header.
//
//go:embed data
var data embed.FS

// Proto is the transport protocol of a log's rows.
type Proto uint8

// The two protocols whose logs are read.
const (
	TCP Proto = iota
	UDP
)

func (p Proto) String() string { return [...]string{"tcp", "udp"}[p] }

// levelsOf returns the levels of a version, its default first.
func levelsOf(version string) []string {
	switch version {
	case "2.4":
		return []string{""}
	case "packetstats-213":
		return []string{"31"}
	}
	return []string{"15", "31", "11", "00"}
}

// A columnSet is a group of neighbouring TCP columns in the 3.x headers that one bit of the
// level turns on. The core columns are in no set.
type columnSet struct {
	bit         int
	first, last string // columns
}

var columnSets = []columnSet{
	{1, "c_rtt_avg", "s_ttl_max"},
	{2, "http_req_cnt", "dns_enc"},
	{4, "p2p_st", "ed2k_chat"},
	{8, "c_f1323_opt", "s_syn_retx"},
}

// header returns the header line, without its newline, of a log of this version and level, and
// the names of its columns.
func header(p Proto, version, level string) (line string, columns []string) {
	if version == "3.1" {
		version = "3.0" // has the same columns
	}
	line = strings.TrimSuffix(read(fmt.Sprintf("%s-%s.header", p, version)), "\n")
	columns = names(line)
	if p == UDP || level == "" {
		return line, columns
	}
	mask, err := strconv.Atoi(level)
	if err != nil {
		panic("BUG: level " + level)
	}
	for _, s := range columnSets {
		if mask&s.bit != 0 {
			continue
		}
		from, to := slices.Index(columns, s.first), slices.Index(columns, s.last)
		if to < 0 { // 3.0 lacks dns_enc: this set reaches to the end of the header
			to = len(columns) - 1
		}
		columns = slices.Delete(columns, from, to+1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#%s#", level)
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%d", c, i+1)
	}
	return b.String(), columns
}

// names returns the column names of a header line.
func names(line string) []string {
	line = line[strings.LastIndexByte(line, '#')+1:]
	fields := strings.Split(line, " ")
	for i, f := range fields {
		fields[i], _, _ = strings.Cut(f, ":")
	}
	return fields
}

// samples returns the embedded real rows, as fields by column. If a header repeats a column,
// the first one counts.
func samples(p Proto, version string) []map[string]string {
	base := table(p.String()+"-3.2.1.header", p.String()+".rows")
	if p == UDP || version != "packetstats-213" {
		return base
	}
	// Only few rows have these columns: the additional fields of each are added to many rows.
	more := table("tcp-packetstats-213.header", "tcp-packetstats-213.rows")
	for i, row := range base {
		for name, value := range more[i%len(more)] {
			if _, ok := row[name]; !ok {
				row[name] = value
			}
		}
	}
	return base
}

// table reads rows with the columns of a header, as fields by column.
func table(headerFile, rowsFile string) []map[string]string {
	columns := names(strings.TrimSuffix(read(headerFile), "\n"))
	var rows []map[string]string
	for line := range strings.Lines(read(rowsFile)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(fields) != len(columns) {
			panic("BUG: a sample row does not fit its header: " + rowsFile)
		}
		row := make(map[string]string, len(columns))
		for i, c := range columns {
			if _, ok := row[c]; !ok {
				row[c] = fields[i]
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func read(name string) string {
	b, err := data.ReadFile("data/" + name)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return string(b)
}
