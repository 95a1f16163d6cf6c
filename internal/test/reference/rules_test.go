package reference_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	"github.com/google/go-cmp/cmp"

	"tstat-transport/internal/message"
	"tstat-transport/internal/test/reference"
)

const udpHeader = "#c_ip:1 c_port:2 c_first_abs:3 c_durat:4 c_bytes_all:5 c_pkts_all:6 " +
	"s_ip:7 s_port:8 s_first_abs:9 s_durat:10 s_bytes_all:11 s_pkts_all:12\n"

const udpRow = "10.0.0.1 1 5999.999 1.006 1000000 10 10.0.0.2 53 7000.5 0 999999 9"

func TestUDPFlow(t *testing.T) {
	const meta = `"protocol":"udp","sensor_id":"s","instance_id":0,"flow_type":"tstat"}`
	const c2s = `{"type":"flow","interval":600,"values":{"duration":1.01,"num_bits":8000000,"num_packets":10,` +
		`"bits_per_second":7952286.28,"packets_per_second":9.94},` +
		`"meta":{"src_ip":"10.0.0.1","src_port":1,"dst_ip":"10.0.0.2","dst_port":53,` + meta
	const s2c = `{"type":"flow","interval":600,"values":{"duration":0.0,"num_bits":7999992,"num_packets":9,` +
		`"bits_per_second":0,"packets_per_second":0},` +
		`"meta":{"src_ip":"10.0.0.2","src_port":53,"dst_ip":"10.0.0.1","dst_port":1,` + meta
	for name, c := range map[string]struct {
		settings reference.Settings
		want     []string
	}{
		"seconds": {reference.Settings{}, []string{c2s + `,"start":5,"end":6}`, s2c + `,"start":7,"end":7}`}},
		"milliseconds": {reference.Settings{Timestamps: "ms"},
			[]string{c2s + `,"start":5999,"end":7005}`, s2c + `,"start":7000,"end":7000}`}},
		"threshold just reached": {reference.Settings{Threshold: "1"}, []string{c2s + `,"start":5,"end":6}`}},
		"threshold just missed":  {reference.Settings{Threshold: "1.0000000000000000000000001"}, nil},
		"durations in ms": {reference.Settings{UDPDuration: "ms"}, []string{
			strings.NewReplacer("1.01", "0.0", "7952286.28", "7952286282.31", "9.94", "9940.36").Replace(c2s) + `,"start":5,"end":5}`,
			s2c + `,"start":7,"end":7}`}},
		"instance": {reference.Settings{Threshold: "1", Instance: message.InstanceID{Name: "0", Given: true}},
			[]string{strings.Replace(c2s, `"instance_id":0`, `"instance_id":"0"`, 1) + `,"start":5,"end":6}`}},
	} {
		t.Run(name, func(t *testing.T) {
			c.settings.Sensor = "s"
			checkFlows(t, read(t, udpHeader+udpRow+"\n", reference.UDP, c.settings), c.want)
		})
	}
}

// tcpColumns returns all columns that a TCP flow uses except first_abs, with a different value
// for each.
func tcpColumns() map[string]string {
	columns := map[string]string{"first": "1795379200999.9", "last": "1795379205000.1", "durat": "4000.2",
		"c_ip": "::1", "s_ip": "::2"}
	for i, name := range []string{"port", "bytes_uniq", "pkts_data", "bytes_retx", "pkts_retx", "syn_cnt", "rtt_avg", "rtt_min",
		"rtt_max", "rtt_std", "pkts_rto", "pkts_fs", "pkts_reor", "pkts_dup", "pkts_unk", "pkts_fc", "pkts_unrto", "pkts_unfs",
		"cwin_min", "cwin_max", "pkts_ooo", "win_scl", "mss", "mss_max", "mss_min", "cwin_ini", "sack_cnt"} {
		columns["c_"+name] = fmt.Sprint(101 + i)
		columns["s_"+name] = fmt.Sprint(201 + i)
	}
	return columns
}

func tcpLog(columns map[string]string) string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(columns)), func(name string) bool { return name == "c_ip" })
	header, row := []string{"#15#c_ip:1"}, []string{columns["c_ip"]}
	for i, name := range names {
		header = append(header, fmt.Sprintf("%s:%d", name, i+2))
		row = append(row, columns[name])
	}
	return strings.Join(header, " ") + "\n" + strings.Join(row, " ") + "\n"
}

// Every key must come from its own column: no two columns have the same value.
func TestTCPFlow(t *testing.T) {
	want := []string{
		`{"type":"flow","interval":600,"values":{"duration":4.0,"num_bits":816,"num_packets":103,` +
			`"bits_per_second":203.99,"packets_per_second":25.75,` +
			`"tcp_rexmit_bytes":104,"tcp_rexmit_pkts":105,"tcp_rexmit_rate":1.0194174757281553,"tcp_syn_cnt":106,` +
			`"tcp_rtt_avg":107.0,"tcp_rtt_min":108.0,"tcp_rtt_max":109.0,"tcp_rtt_std":110.0,` +
			`"tcp_pkts_rto":111,"tcp_pkts_fs":112,"tcp_pkts_reor":113,"tcp_pkts_dup":114,"tcp_pkts_unk":115,"tcp_pkts_fc":116,` +
			`"tcp_pkts_unrto":117,"tcp_pkts_unfs":118,"tcp_cwin_min":119,"tcp_cwin_max":120,"tcp_out_seq_pkts":121,` +
			`"tcp_window_scale":122,"tcp_mss":123,"tcp_max_seg_size":124,"tcp_min_seg_size":125,"tcp_win_max":120,` +
			`"tcp_win_min":119,"tcp_initial_cwin":126,"tcp_sack_cnt":227},` +
			`"meta":{"src_ip":"::1","src_port":101,"dst_ip":"::2","dst_port":201,"protocol":"tcp","sensor_id":"","instance_id":0,` +
			`"flow_type":"tstat"},"start":1795379200,"end":1795379205}`,
		`{"type":"flow","interval":600,"values":{"duration":4.0,"num_bits":1616,"num_packets":203,` +
			`"bits_per_second":403.98,"packets_per_second":50.75,` +
			`"tcp_rexmit_bytes":204,"tcp_rexmit_pkts":205,"tcp_rexmit_rate":1.0098522167487685,"tcp_syn_cnt":206,` +
			`"tcp_rtt_avg":207.0,"tcp_rtt_min":208.0,"tcp_rtt_max":209.0,"tcp_rtt_std":210.0,` +
			`"tcp_pkts_rto":211,"tcp_pkts_fs":212,"tcp_pkts_reor":213,"tcp_pkts_dup":214,"tcp_pkts_unk":215,"tcp_pkts_fc":216,` +
			`"tcp_pkts_unrto":217,"tcp_pkts_unfs":218,"tcp_cwin_min":219,"tcp_cwin_max":220,"tcp_out_seq_pkts":221,` +
			`"tcp_window_scale":222,"tcp_mss":123,"tcp_max_seg_size":224,"tcp_min_seg_size":225,"tcp_win_max":220,` +
			`"tcp_win_min":219,"tcp_initial_cwin":226,"tcp_sack_cnt":227},` +
			`"meta":{"src_ip":"::2","src_port":201,"dst_ip":"::1","dst_port":101,"protocol":"tcp","sensor_id":"","instance_id":0,` +
			`"flow_type":"tstat"},"start":1795379200,"end":1795379205}`,
	}
	checkFlows(t, read(t, tcpLog(tcpColumns()), reference.TCP, reference.Settings{}), want)
}

func TestTCPDetails(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]string // values by column; "absent" removes the column
		want   string            // part of the first flow
	}{
		"relative times":      {map[string]string{"first": "0.5", "last": "0.9", "first_abs": "1999.6"}, `"start":1,"end":2}`},
		"times that run back": {map[string]string{"first": "3000", "last": "0.5", "first_abs": "1000"}, `"start":1,"end":0}`},
		"more digits":         {map[string]string{"first": "0.0000001", "last": "1", "first_abs": "999.0000001"}, `"start":0,"end":1}`},
		"names behind a #":    {map[string]string{"x#c_mss": "1", "c_mss": "absent"}, `"tcp_mss":1,`},
		"largest counter":     {map[string]string{"c_pkts_retx": "0018446744073709551615"}, `"tcp_rexmit_pkts":18446744073709551615,`},
		"exact quotient": {map[string]string{"c_pkts_retx": "1182129832415640516", "c_pkts_data": "2193230518291280956"},
			`"tcp_rexmit_rate":0.5389902349784114,`},
		"small quotient": {map[string]string{"c_pkts_retx": "1", "c_pkts_data": "10000000"}, `"tcp_rexmit_rate":0.0000001,`},
		"no packets":     {map[string]string{"c_pkts_data": "0"}, `"tcp_rexmit_rate":0,`},
		"no such column": {map[string]string{"c_pkts_data": "absent"},
			`"num_packets":null,"bits_per_second":203.99,"packets_per_second":null,"tcp_rexmit_bytes":104,"tcp_rexmit_pkts":105,"tcp_rexmit_rate":null,`},
		"rtt nan": {map[string]string{"c_rtt_std": "-nan", "c_rtt_max": "inf"}, `"tcp_rtt_avg":107.0,"tcp_rtt_min":108.0,"tcp_rtt_max":null,"tcp_rtt_std":null,`},
		"packets nan": {map[string]string{"c_pkts_data": "nan"},
			`"num_packets":null,"bits_per_second":203.99,"packets_per_second":null,"tcp_rexmit_bytes":104,"tcp_rexmit_pkts":105,"tcp_rexmit_rate":null,`},
		"rexmits -inf":    {map[string]string{"c_pkts_retx": "-inf"}, `"tcp_rexmit_pkts":null,"tcp_rexmit_rate":null,`},
		"one mss nan":     {map[string]string{"s_mss": "nan"}, `"tcp_mss":null,`},
		"one mss of two":  {map[string]string{"s_mss": "absent", "c_mss": "bad"}, `"tcp_mss":null,`},
		"smaller mss":     {map[string]string{"c_mss": "9", "s_mss": "8"}, `"tcp_mss":8,`},
		"larger sack_cnt": {map[string]string{"c_sack_cnt": "9", "s_sack_cnt": "8"}, `"tcp_sack_cnt":9}`},
		"zero duration":   {map[string]string{"durat": "0.0004"}, `"duration":0.0,"num_bits":816,"num_packets":103,"bits_per_second":0,"packets_per_second":0,`},
		"short duration":  {map[string]string{"durat": "1.918000"}, `"duration":0.0,"num_bits":816,"num_packets":103,"bits_per_second":425443.17,`},
	} {
		t.Run(name, func(t *testing.T) {
			columns := tcpColumns()
			maps.Copy(columns, c.change)
			maps.DeleteFunc(columns, func(_, value string) bool { return value == "absent" })
			flows := marshal(t, read(t, tcpLog(columns), reference.TCP, reference.Settings{}))
			if len(flows) != 2 || !strings.Contains(flows[0], c.want) {
				t.Errorf("got %s\nwant two flows, the first with %s", flows, c.want)
			}
		})
	}
}

func TestLines(t *testing.T) {
	const otherHeader = "#1F#c_ip:1 s_ip:2 c_port:3 s_port:4 c_first_abs:5 s_first_abs:6 c_durat:7 s_durat:8 c_bytes_all:9 s_bytes_all:10 " +
		"c_pkts_all:11 s_pkts_all:12 c_isint:13 s_isint:14 c_type:15 s_type:16 c_ip:17\n"
	with := func(i int, value string) string {
		fields := strings.Split(udpRow, " ")
		fields[i] = value
		return udpHeader + strings.Join(fields, " ") + "\n"
	}
	sent, malformed, below := reference.Books{Rows: 1, Sent: 1}, reference.Books{Rows: 1, Malformed: 1}, reference.Books{Rows: 1, Below: 1}
	incomplete := reference.Books{Incomplete: 1}
	for name, c := range map[string]struct {
		log  string
		want reference.Books
	}{
		"nothing":                             {"", reference.Books{}},
		"header":                              {udpHeader, reference.Books{}},
		"header without newline":              {strings.TrimSpace(udpHeader), reference.Books{}},
		"cut header":                          {udpHeader[:60], incomplete},
		"first byte":                          {"#", incomplete},
		"row":                                 {udpHeader + udpRow + "\n", sent},
		"other header":                        {udpHeader + otherHeader + "::1 ::2 1 2 3 4 5 6 1000000 8 9 10\n", sent},
		"header in mid-file cut":              {udpHeader + otherHeader[:50], incomplete},
		"CR LF":                               {strings.ReplaceAll(udpHeader+udpRow+"\n\n", "\n", "\r\n"), sent},
		"CR in a row":                         {udpHeader + strings.Replace(udpRow, " ", "\r ", 1) + "\n", malformed},
		"two CR":                              {udpHeader + strings.Replace(udpRow, "999999", "1000000", 1) + "\r\r\n", malformed},
		"header with a byte-order mark":       {"\xef\xbb\xbf" + udpHeader + udpRow + "\n", sent},
		"header without #":                    {udpHeader[1:] + udpRow + "\n", sent},
		"header without numbers":              {regexp.MustCompile(`:\d+`).ReplaceAllString(udpHeader, "") + udpRow + "\n", sent},
		"header with a label column":          {strings.Replace(udpHeader, "\n", " label\n", 1) + udpRow + "\n", sent},
		"the same header without #":           {udpHeader[1:] + udpHeader[1:], malformed},
		"the same header without numbers":     {strings.Repeat(regexp.MustCompile(`:\d+`).ReplaceAllString(udpHeader, ""), 2), reference.Books{}},
		"header in mid-file, CR LF":           {strings.ReplaceAll(udpHeader+otherHeader+"::1 ::2 1 2 3 4 5 6 1000000 8 9 10\n", "\n", "\r\n"), sent},
		"packets -nan":                        {with(5, "-nan"), reference.Books{Rows: 1, Sent: 1, NotFinite: 1}},
		"port inf":                            {with(1, "inf"), malformed},
		"duration nan":                        {with(3, "nan"), malformed},
		"start -inf":                          {with(2, "-inf"), malformed},
		"byte count nan":                      {with(4, "nan"), malformed},
		"packets NaN":                         {with(5, "NaN"), malformed},
		"header out of order":                 {udpHeader + strings.Replace(otherHeader, ":9", ":8", 1), malformed},
		"new header without s_type":           {udpHeader + strings.Replace(otherHeader, "s_type", "s_x", 1), malformed},
		"the same header without s_type":      {udpHeader + udpHeader, reference.Books{}},
		"new header without s_durat":          {udpHeader + strings.Replace(otherHeader, "s_durat", "s_x", 1), malformed},
		"empty lines":                         {udpHeader + "\n\n" + udpRow + "\n\n", sent},
		"surplus fields":                      {udpHeader + udpRow + " a \xff \n", sent},
		"last row without newline":            {udpHeader + udpRow, sent},
		"last row cut":                        {udpHeader + udpRow[:40], incomplete},
		"last row cut after the used columns": {udpHeader + udpRow[:len(udpRow)-2], sent},
		"last row cut, below":                 {udpHeader + strings.Replace(udpRow, "1000000", "1", 1), below},
		"below, the rest wrong":               {udpHeader + "x x x x 1 x x x x x 2\n", below},
		"byte count of the other side":        {with(10, "x"), malformed},
		"byte count too large":                {with(10, "2305843009213693952"), malformed},
		"byte count that just fits":           {with(10, "2305843009213693951"), sent},
		"column of the side below wrong":      {with(9, "x"), sent},
		"address of the side below wrong":     {with(6, "x"), malformed},
		"port too large":                      {with(1, "18446744073709551616"), malformed},
		"empty field":                         {with(3, ""), malformed},
		"time with a point and no more":       {with(3, "1."), malformed},
		"negative duration":                   {with(3, "-1"), malformed},
		"exponent":                            {with(3, "1e3"), malformed},
		"duration of 10^12 s":                 {with(3, "1000000000000"), malformed},
		"duration just below":                 {with(3, "00999999999999.999999"), sent},
		"time of 10^15 ms":                    {with(2, "1000000000000000"), malformed},
		"time just below":                     {with(2, "00999999999999999.9"), sent},
		"address of 45 bytes":                 {with(0, strings.Repeat(":", 45)), sent},
		"address of 46 bytes":                 {with(0, strings.Repeat(":", 46)), malformed},
		"header of 1025 columns":              {udpHeader + wideHeader(1025), malformed},
		"header of 1024 columns":              {udpHeader + wideHeader(1024), reference.Books{}},
		"leading space":                       {udpHeader + " " + udpRow + "\n", malformed},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, c.log, reference.UDP, reference.Settings{Threshold: "1"}).Books
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s%q", diff, c.log)
			}
		})
	}
}

func TestNoHeaderAtAll(t *testing.T) {
	for _, log := range []string{udpRow + "\n", udpRow, "x", "#x\n", "\n" + udpRow, "\n" + udpHeader, "\n", " " + udpHeader, "x " + udpHeader} {
		if _, err := reference.Read([]byte(log), reference.UDP, reference.Settings{}); !errors.Is(err, reference.ErrNoHeader) {
			t.Errorf("%q: %v, want %v", log, err, reference.ErrNoHeader)
		}
	}
}

// wideHeader returns a header line of n columns.
func wideHeader(n int) string {
	columns := strings.Fields(udpHeader)
	for _, name := range []string{"c_isint", "s_isint", "c_type", "s_type"} {
		columns = append(columns, fmt.Sprintf("%s:%d", name, len(columns)+1))
	}
	for i := len(columns) + 1; i <= n; i++ {
		columns = append(columns, fmt.Sprintf("x:%d", i))
	}
	return strings.Join(columns, " ") + "\n"
}

func TestPositions(t *testing.T) {
	log := udpHeader + udpRow + "\nx\n" + udpRow + "\n" + udpRow[:20]
	header, row := int64(len(udpHeader)), int64(len(udpRow))+1
	result := read(t, log, reference.UDP, reference.Settings{})
	if m := result.Malformed; len(m) != 1 || m[0].Line != 3 || m[0].Offset != header+row || m[0].Reason == "" {
		t.Errorf("malformed: %+v", m)
	}
	if result.Tail != int64(len(log))-20 {
		t.Errorf("tail %d, want %d", result.Tail, len(log)-20)
	}
	first, second := result.Rows[0], result.Rows[1]
	if first.Line != 2 || first.From != header || first.To != header+row || second.Line != 4 || second.From != header+row+2 {
		t.Errorf("rows at %d [%d, %d), %d [%d, %d)", first.Line, first.From, first.To, second.Line, second.From, second.To)
	}
	later := read(t, log, reference.UDP, reference.Settings{From: second.From})
	if diff := cmp.Diff(result.Rows[1:], later.Rows); diff != "" {
		t.Error(diff)
	}
	messages := reference.Messages(later)
	if len(messages) != 1 || messages[0].From != second.From || messages[0].To != second.To {
		t.Errorf("messages from there: %+v", messages)
	}
}

// After 99 flows comes a row of two: the message ends with 99.
func TestMessages(t *testing.T) {
	one := udpRow + "\n" // one flow at threshold 1
	two := strings.Replace(one, "999999", "1000000", 1)
	log := udpHeader + strings.Repeat(one, 99) + "x\n" + strings.Repeat(two, 50) + one
	var sizes []int
	var ends []int64
	messages := reference.Messages(read(t, log, reference.UDP, reference.Settings{Threshold: "1"}))
	for _, m := range messages {
		sizes = append(sizes, len(m.Flows))
		ends = append(ends, m.To)
	}
	if diff := cmp.Diff([]int{99, 100, 1}, sizes); diff != "" {
		t.Error(diff)
	}
	end := int64(len(udpHeader) + 99*len(one))
	if diff := cmp.Diff([]int64{end, end + 2 + int64(50*len(two)), int64(len(log))}, ends); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, settings := range []reference.Settings{{Threshold: "-1"}, {Threshold: "1e3"}, {Timestamps: "us"}, {UDPDuration: "min"}} {
		if _, err := reference.Read(nil, reference.UDP, settings); err == nil {
			t.Errorf("%+v: no error", settings)
		}
	}
	if _, err := reference.Read(nil, "icmp", reference.Settings{}); err == nil {
		t.Error("icmp: no error")
	}
}

func read(t *testing.T, log string, protocol reference.Protocol, settings reference.Settings) reference.Result {
	t.Helper()
	result, err := reference.Read([]byte(log), protocol, settings)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func marshal(t *testing.T, result reference.Result) []string {
	t.Helper()
	var texts []string
	for _, flow := range result.Flows() {
		text, err := json.Marshal(flow)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	for _, m := range result.Malformed {
		t.Logf("malformed: %+v", m)
	}
	return texts
}

func checkFlows(t *testing.T, result reference.Result, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, marshal(t, result)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
