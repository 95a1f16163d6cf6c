package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"tstat-transport/internal/test/loggen"
	"tstat-transport/internal/test/testkit"
)

// pythonConfig is a file as it was written for the Python tool.
const pythonConfig = `[rabbit]
host = localhost
port = %d
username = %s
password = %s
use_ssl = False
vhost = %s
queue = netsage_tstat
routing_key = netsage_tstat
exchange =

; queue arguments
[rabbit_queue_options]
durable = True
auto_delete = False
exclusive = False
`

// TestCrontab runs a crontab line, with a config file, of the Python tool.
func TestCrontab(t *testing.T) {
	t.Parallel()
	s := shared(t)
	corpus(t, "rotation", s.root)
	corpus(t, "hostile_names", s.root)
	config := filepath.Join(t.TempDir(), "config.ini")
	text := fmt.Sprintf(pythonConfig, s.Node.Port(), s.User, secret, s.VHost)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("%s -d %s -c %s -T 0 -S sensor1 -I 2", binary(t, "tstat_send"), s.root, config)
	r := startCommand(t, exec.Command("/bin/sh", "-c", line)).wait().want(allDone, "malformed=5")
	if want := 2012 + 95; r.count("rows") != want {
		t.Errorf("%d rows, want %d", r.count("rows"), want)
	}

	seen := map[string]bool{}
	expected := map[string]message{}
	for _, dir := range s.directories() {
		for name, kind := range kinds {
			maps.Copy(expected, messagesOf(t, filepath.Join(s.root, dir, name), kind,
				fmt.Sprintf("sensor1/2/%s/%s", dir, name), "0", "2"))
		}
	}
	for _, d := range s.Node.Drain(t, s.VHost, queue) {
		want, known := expected[d.MessageId]
		if !known || seen[d.MessageId] || !want.is(t, d.Body) {
			t.Errorf("message %s: known %v, seen before %v, or with other content", d.MessageId, known, seen[d.MessageId])
		}
		seen[d.MessageId] = true
	}
	if len(seen) != len(expected) {
		t.Errorf("%d messages, want %d", len(seen), len(expected))
	}
}

// TestQuietSuccess: cron sends mail when there is output; one line is enough.
func TestQuietSuccess(t *testing.T) {
	t.Parallel()
	s := shared(t)
	corpus(t, "lossy_level31", s.root)
	for _, what := range []string{"sends", "finds nothing new"} {
		r := s.send().want(allDone)
		if lines := strings.Count(r.Log, "\n"); lines != 1 || r.Summary == nil || r.Out != "" {
			t.Errorf("a run that %s prints %d lines, want the summary alone:\n%s%s", what, lines, r.Out, r.Log)
		}
	}
	s.complete()
}

// TestManyRows sends varied rows of every layout, and then lives on with them.
func TestManyRows(t *testing.T) {
	t.Parallel()
	s := shared(t)
	rows := testkit.UnderRace(8_000, 40_000)
	books := generated(t, rows, s.root)
	r := s.send().want(allDone)
	if books.Rows < int64(rows) || r.count("rows") != int(books.Rows) || r.count("malformed") != int(books.Malformed) || r.count("flows") != int(books.Flows) {
		t.Errorf("summary %v, want %+v", r.Summary, books)
	}
	s.complete()
	if len(s.got) < int(books.Flows)/100 {
		t.Errorf("%d messages for %d flows", len(s.got), books.Flows)
	}
}

// TestGrowth: what was marked is looked at again, and only what is new is sent.
func TestGrowth(t *testing.T) {
	t.Parallel()
	for _, threshold := range []string{"0", "1"} {
		t.Run("threshold "+threshold, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			s.args = []string{"-T", threshold}
			const dir = "2026_01_15_00_00.out"
			rows := lines(t, loggen.TCP, 1, 305)
			path := filepath.Join(s.root, dir, tcpLog)
			write(t, path, []byte(strings.Join(rows[:301], "")))
			position := int64(0)
			step := func(what string, file string) {
				t.Helper()
				s.send().want(allDone)
				if !s.marked(dir) {
					t.Errorf("%s: not marked", what)
				}
				log := testkit.ReadLog(t, filepath.Join(s.root, dir, file))
				s.wantMessages(what, messagesFrom(t, log, position, kinds[strings.TrimSuffix(file, ".gz")],
					fmt.Sprintf("%s/0/%s/%s", sensor, dir, strings.TrimSuffix(file, ".gz")), threshold, ""))
				position = int64(len(log))
			}
			step("first run", tcpLog)
			step("second run", tcpLog)
			appendTo(t, path, strings.Join(rows[301:], ""))
			step("five rows more", tcpLog)

			tcp := position
			position = 0
			write(t, filepath.Join(s.root, dir, udpLog), []byte(strings.Join(lines(t, loggen.UDP, 2, 7), "")))
			step("a new log beside", udpLog)
			position = tcp

			compress(t, path)
			step("the log is now a .gz", tcpLog+".gz")
		})
	}
}

// TestReplaced: another log in the place of a marked one is sent whole.
func TestReplaced(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]string{
		"smaller":  lines(t, loggen.TCP, 11, 40),
		"as large": lines(t, loggen.TCP, 12, 300),
		"larger":   lines(t, loggen.TCP, 13, 500),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			const dir = "2026_01_15_00_00.out"
			path := filepath.Join(s.root, dir, tcpLog)
			names := fmt.Sprintf("%s/0/%s/%s", sensor, dir, tcpLog)
			write(t, path, []byte(strings.Join(lines(t, loggen.TCP, 10, 300), "")))
			s.send().want(allDone)
			s.wantMessages("first log", messagesOf(t, path, kinds[tcpLog], names, "0", ""))
			write(t, path, []byte(strings.Join(content, "")))
			s.send().want(allDone, "replaced", "level=WARN", tcpLog)
			s.wantMessages("second log", messagesOf(t, path, kinds[tcpLog], names, "0", ""))
			s.send().want(allDone)
			s.wantMessages("nothing new", nil)
		})
	}
}

// TestLive sends a log while Tstat writes it, cut at every kind of place.
func TestLive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cut  func(row string) int // where the last line is cut
		sent bool                 // it is a row all the same, and sent at once
	}{
		"in the address": {func(string) int { return 5 }, false},
		"in the last number that is used": {func(row string) int {
			return strings.LastIndex(strings.TrimRight(row, "\n"), " ") / 2
		}, false},
		"before the newline": {func(row string) int { return len(row) - 1 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shared(t)
			const dir = "2026_01_15_00_00.out"
			path := filepath.Join(s.root, dir, tcpLog)
			rows := lines(t, loggen.TCP, 3, 120)
			last := rows[len(rows)-1]
			cut := c.cut(last)
			whole := strings.Join(rows[:len(rows)-1], "")
			write(t, path, []byte(whole+last[:cut]))
			flows := s.flowsSent(t)
			if want := 2 * 119; !c.sent && flows != want || c.sent && flows != want+2 {
				t.Errorf("%d flows at first, want %d and those of the last line: %v", flows, want, c.sent)
			}
			if again := s.flowsSent(t); again != 0 {
				t.Errorf("%d flows in a second run", again)
			}
			appendTo(t, path, last[cut:]+rows[1]+rows[2])
			want := 6
			if c.sent {
				want = 4
			}
			if got := s.flowsSent(t); got != want {
				t.Errorf("%d flows when the line was completed, want %d", got, want)
			}
			s.send().want(allDone)
			s.wantFlowsOnce(whole + last + rows[1] + rows[2])
		})
	}
}

// flowsSent runs tstat_send, collects, and gives the number of flows sent.
func (s *site) flowsSent(t *testing.T) int {
	t.Helper()
	n := s.send().want(allDone).count("flows")
	s.collect()
	return n
}

// wantFlowsOnce wants the flows of one whole TCP log to have arrived once each,
// in whatever messages.
func (s *site) wantFlowsOnce(log string) {
	s.t.Helper()
	s.collect()
	var out strings.Builder
	for _, d := range s.got {
		out.Write(d.Body)
	}
	var want []string
	for _, m := range messagesFrom(s.t, []byte(log), 0, kinds[tcpLog], sensor+"/0/x/"+tcpLog, "0", "") {
		want = append(want, flowsOf(printed(s.t, m.text))...)
	}
	wantFlows(s.t, printed(s.t, out.String()), want)
}

// wantMessages wants exactly these messages in the queue, once each.
func (s *site) wantMessages(what string, want map[string]message) {
	s.t.Helper()
	seen := map[string]bool{}
	for _, d := range s.Node.Drain(s.t, s.VHost, queue) {
		m, known := want[d.MessageId]
		if !known || seen[d.MessageId] {
			s.t.Errorf("%s: message %s: of the log: %v, twice: %v", what, d.MessageId, known, seen[d.MessageId])
		} else if !m.is(s.t, d.Body) {
			s.t.Errorf("%s: message %s is not what its rows become", what, d.MessageId)
		}
		seen[d.MessageId] = true
	}
	for id := range want {
		if !seen[id] {
			s.t.Errorf("%s: message %s has not arrived", what, id)
		}
	}
}

// compress does what gzip(1) does.
func compress(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, _ = z.Write(content) // into memory
	_ = z.Close()
	write(t, path+".gz", []byte(b.String()))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestPythonMark: a directory that the Python tool marked is done.
func TestPythonMark(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.Node.DeclareQueue(t, s.VHost, queue, nil)
	corpus(t, "lossy_level31", s.root)
	for _, dir := range s.directories() {
		write(t, filepath.Join(s.root, dir, ".processed"), []byte("processed\n"))
	}
	r := s.send().want(allDone)
	if r.count("published") != 0 || s.Queued() != 0 {
		t.Errorf("%d messages were sent of a directory that was done", r.count("published"))
	}
}

// TestSingle stops after the first directory that had something to send.
func TestSingle(t *testing.T) {
	t.Parallel()
	s := shared(t)
	corpus(t, "header_only", s.root) // the oldest: nothing to send
	corpus(t, "rotation", s.root)
	for i, want := range []int{2, 3, 3} {
		s.send("-s").want(allDone)
		marked := 0
		for _, dir := range s.directories() {
			if s.marked(dir) {
				marked++
			}
		}
		if marked != want {
			t.Errorf("%d directories are marked after %d runs with -s, want %d", marked, i+1, want)
		}
		s.check()
	}
	s.complete()
}

// TestRoots: several instances of Tstat in one run.
func TestRoots(t *testing.T) {
	t.Parallel()
	s := shared(t)
	roots := map[string]string{}
	var args []string
	for instance, name := range map[string]string{"0": "plain", "east": "v3.0_bulk", "7": "v2.4_bulk"} {
		root := filepath.Join(t.TempDir(), "root")
		roots[instance] = root
		corpus(t, strings.Replace(name, "plain", "lossy_level31", 1), filepath.Join(root, "nested"))
		if instance == "0" {
			args = append(args, "-d", root)
		} else {
			args = append(args, "-d", instance+"="+root)
		}
	}
	args = append(args, "-c", s.ConfigFile(), "-S", sensor, "-T", "0")
	run(t, "tstat_send", args...).want(allDone)
	want := map[string]message{}
	for instance, root := range roots {
		given := strings.TrimPrefix(instance, "0")
		dirs, err := filepath.Glob(filepath.Join(root, "nested", "*.out"))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			for name, kind := range kinds {
				maps.Copy(want, messagesOf(t, filepath.Join(dir, name), kind,
					fmt.Sprintf("%s/%s/nested/%s/%s", sensor, instance, filepath.Base(dir), name), "0", given))
			}
		}
	}
	s.wantMessages("three roots", want)
	run(t, "tstat_send", args...).want(allDone)
	s.wantMessages("again", nil)
}

// TestCullKeepsUnsent: the culler deletes what was sent, and nothing else.
func TestCullKeepsUnsent(t *testing.T) {
	t.Parallel()
	s := shared(t)
	corpus(t, "rotation", s.root)
	corpus(t, "lossy_level31", s.root)
	s.send().want(allDone)
	s.check()
	// One has grown, one has its mark taken off.
	dirs := s.directories()
	grown, unmarked, done := dirs[0], dirs[1], dirs[2]
	path := filepath.Join(s.root, grown, udpLog)
	log := string(testkit.ReadLog(t, path))
	appendTo(t, path, log[strings.LastIndex(log[:len(log)-1], "\n")+1:])
	if err := os.Remove(filepath.Join(s.root, unmarked, ".processed")); err != nil {
		t.Fatal(err)
	}
	r := run(t, "tstat_cull", "-d", s.root, "-t", "0").want(allDone, udpLog, "has grown", grown)
	if r.count("directories") != 1 {
		t.Errorf("%d directories were culled, want 1", r.count("directories"))
	}
	for dir, want := range map[string]bool{grown: true, unmarked: true, done: false} {
		if got := exists(filepath.Join(s.root, dir)); got != want {
			t.Errorf("%s is there: %v, want %v", dir, got, want)
		}
	}
	s.Node.DeleteQueue(t, s.VHost, queue)
	s.send().want(allDone)
	run(t, "tstat_cull", "-d", s.root, "-t", "0").want(allDone)
	if left := s.directories(); len(left) != 0 {
		t.Errorf("%q are left though all is sent", left)
	}
}

// TestExitStatus provokes every exit status, and that of several at once.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	s := shared(t)
	corpus(t, "lossy_level31", s.root)
	with := func(key, value string) func(*site) {
		return func(s *site) { s.Rabbit[key] = value }
	}
	broken := func(s *site) { write(t, filepath.Join(s.root, "2000_01_01_00_00.out", tcpLog), []byte("no header\n")) }
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	nobody := strconv.Itoa(port) // listens there
	for name, c := range map[string]struct {
		change func(*site)
		args   []string
		status int
		words  []string
	}{
		"flag":                {nil, []string{"--nosuch"}, wrongUsage, []string{"--nosuch", "--help"}},
		"no root":             {nil, []string{"-d", "/nosuch/root"}, noRoot, []string{"/nosuch/root", "-d"}},
		"no config":           {nil, []string{"-c", "/nosuch/config.ini"}, misconfigured, []string{"/nosuch/config.ini"}},
		"value":               {with("use_ssl", "perhaps"), nil, misconfigured, []string{"use_ssl"}},
		"log":                 {broken, nil, ioTrouble, []string{"2000_01_01_00_00.out/" + tcpLog, "no header"}},
		"broker away":         {with("port", nobody), nil, tryAgain, []string{"127.0.0.1:" + nobody, "refused"}},
		"password":            {with("password", secret+"x"), nil, refused, []string{"username and password"}},
		"vhost":               {with("vhost", "nosuch"), nil, misconfigured, []string{"nosuch", "vhost"}},
		"exchange":            {with("exchange", "nosuch"), nil, misconfigured, []string{"nosuch", "exchange"}},
		"unroutable":          {func(s *site) { s.Rabbit["exchange"], s.Rabbit["routing_key"] = "amq.direct", "nowhere" }, nil, misconfigured, []string{"unroutable", "nowhere"}},
		"log and unroutable":  {func(s *site) { broken(s); with("routing_key", "nowhere")(s) }, nil, misconfigured, []string{"unroutable", "no header"}},
		"log and broker away": {func(s *site) { broken(s); with("port", nobody)(s) }, nil, tryAgain, []string{"refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := s.clone(t)
			own.root = filepath.Join(t.TempDir(), "tstat")
			if err := os.CopyFS(own.root, os.DirFS(s.root)); err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(own)
			}
			own.send(c.args...).want(c.status, c.words...).within(30 * time.Second)
			if c.status != ioTrouble && c.status != noRoot { // the rest was done
				own.noneMarked()
			}
		})
	}
}

// TestQueueIsDeclared where there is none, as the configuration says, and left
// alone where there is one.
func TestQueueIsDeclared(t *testing.T) {
	t.Parallel()
	s := shared(t)
	corpus(t, "v3.0_bulk", s.root)
	s.QueueOptions["x-max-length"] = "1000"
	s.send().want(allDone)
	s.Node.DeclareQueue(t, s.VHost, queue, map[string]any{"x-max-length": int64(1000)}) // 406 if it is another
	s.QueueOptions["x-max-length"] = "5"
	s.QueueOptions["durable"] = "False"
	corpus(t, "v2.4_repeated_headers", s.root)
	s.send().want(allDone)
	s.complete()
}
