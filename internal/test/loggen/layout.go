package loggen

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// data holds the headers as Tstat writes them and the real rows that generated ones
// start from: tcp.rows and udp.rows have the columns of 3.2.1 at level 15,
// tcp-packetstats-213.rows those of its header.
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

// levelsOf gives the levels that a version writes, its default first.
func levelsOf(version string) []string {
	switch version {
	case "2.4":
		return []string{""}
	case "packetstats-213":
		return []string{"31"}
	}
	return []string{"15", "31", "11", "00"}
}

// A columnSet is a group of TCP columns that one bit of the level turns on, from its
// first to its last column in the order of the 3.x headers. Core columns are in none.
type columnSet struct {
	bit         int
	first, last string
}

var columnSets = []columnSet{
	{1, "c_rtt_avg", "s_ttl_max"},
	{2, "http_req_cnt", "dns_enc"},
	{4, "p2p_st", "ed2k_chat"},
	{8, "c_f1323_opt", "s_syn_retx"},
}

// header gives the header line, without its newline, and the names of the columns
// of a log of this version and level.
func header(p Proto, version, level string) (line string, columns []string) {
	if version == "3.1" {
		version = "3.0" // they write the same columns
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
		if to < 0 { // before 3.2.1 the last set ended earlier
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

// names gives the column names of a header line.
func names(line string) []string {
	line = line[strings.LastIndexByte(line, '#')+1:]
	fields := strings.Split(line, " ")
	for i, f := range fields {
		fields[i], _, _ = strings.Cut(f, ":")
	}
	return fields
}

// samples gives the fields of the real rows that generated ones start from, by column
// name. A name that a header repeats stands for its first column.
func samples(p Proto, version string) []map[string]string {
	base := table(p.String()+"-3.2.1.header", p.String()+".rows")
	if p == UDP || version != "packetstats-213" {
		return base
	}
	// Few rows with these columns exist: the surplus columns of each go with many base rows.
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
