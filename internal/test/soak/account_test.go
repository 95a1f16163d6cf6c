package soak

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-json"
	amqp091 "github.com/rabbitmq/amqp091-go"

	"tstat-transport/internal/test/tstatsim"
)

// record adds messages that arrived to the account of their stations.
func (w *world) record(arrived []amqp091.Delivery) {
	w.t.Helper()
	for _, d := range arrived {
		var flows []json.RawMessage
		if err := json.Unmarshal(d.Body, &flows); err != nil {
			w.t.Errorf("message %s: %v", d.MessageId, err)
		}
		if len(flows)%2 != 0 {
			w.t.Errorf("message %s: %d flows, though at threshold 0 every row has two", d.MessageId, len(flows))
			continue
		}
		for i := 0; i < len(flows); i += 2 {
			row := flows[i : i+2]
			w.checkRepeat(row, arrival{message: d.MessageId, first: i == 0, last: i+2 == len(flows)})
			for _, f := range row {
				if err := w.recordFlow(f); err != nil {
					w.t.Errorf("message %s: %v", d.MessageId, err)
				}
			}
		}
	}
}

// arrival is the place of a row in a message that arrived.
type arrival struct {
	message     string // id
	first, last bool   // whether the row is the first or the last of the message
}

// checkRepeat reports an error if the same flows of a row arrived before. One case is allowed: a
// run sent a row that Tstat had written only in part, and the next run sent the whole row. The
// flows are the same if the missing digits do not show in them. At the first run the cut row was
// the last row of its log, so it was also the last row of its message. The next run begins at this
// row, so the whole row is the first row of its message.
func (w *world) checkRepeat(row []json.RawMessage, now arrival) {
	if w.arrivals == nil {
		return
	}
	h := sha256.Sum256(slices.Concat(row[0], row[1]))
	before, again := w.arrivals[h]
	w.arrivals[h] = now
	if !again {
		return
	}
	_, to, _ := strings.Cut(before.message[strings.LastIndexByte(before.message, '@'):], "-")
	to, _, _ = strings.Cut(to, "~")
	cut, err := strconv.Atoi(to)
	// Tstat writes blocks of 4096 bytes, so a plain log is cut at a multiple of that. The station
	// "gzip" writes compressed logs, which may be cut anywhere.
	if before.last && now.first && err == nil && (cut%4096 == 0 || strings.Contains(before.message, "/gzip/")) {
		w.repeatedCut++
		return
	}
	if w.repeatedRows++; w.repeatedRows <= 5 {
		w.t.Errorf("message %s repeats a row of message %s: %s", now.message, before.message, row)
	}
}

// recordFlow adds one flow to the station that its instance id names.
func (w *world) recordFlow(text []byte) error {
	var flow struct {
		Meta struct {
			SrcIP      string `json:"src_ip"`
			SrcPort    uint16 `json:"src_port"`
			DstIP      string `json:"dst_ip"`
			DstPort    uint16 `json:"dst_port"`
			InstanceID string `json:"instance_id"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(text, &flow); err != nil {
		return err
	}
	i := slices.IndexFunc(w.stations, func(s *station) bool { return s.name == flow.Meta.InstanceID })
	if i < 0 {
		return fmt.Errorf("no station has the instance id %q", flow.Meta.InstanceID)
	}
	w.flows++
	m := flow.Meta
	return w.stations[i].got.Add(m.SrcIP, m.SrcPort, m.DstIP, m.DstPort)
}

// finish ends the Tstats, one of them with SIGKILL, lets a last run deliver the rest, and
// returns the number of lost rows.
func (w *world) finish() (lost int) {
	t := w.t
	t.Helper()
	w.end()
	for i, s := range w.stations {
		end := s.sim.Stop
		if i == 0 {
			end = s.sim.Kill
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	e := wait(w.sender())
	w.checkRun(e)
	if e.Status != 0 {
		t.Errorf("the last run ended with %d:\n%s", e.Status, e.Log)
	}
	for _, s := range w.stations {
		owed := slices.DeleteFunc(s.sim.Written(), func(r tstatsim.Row) bool { return !r.Owed(w.spans) })
		for i, r := range s.got.Missing(owed) {
			lost++
			if i < 5 {
				t.Errorf("%s: row %d is lost: %+v", s.name, r.Number, r)
			}
		}
		if unknown := s.got.Unknown(s.sim); len(unknown) > 0 {
			t.Errorf("%s: %d rows arrived that were never written, such as %d", s.name, len(unknown), unknown[0])
		}
		w.repeatedFlows += s.got.Repeated()
	}
	w.cullAll()
	return lost
}

// cullAll culls without a TTL, and wants nothing to be left.
func (w *world) cullAll() {
	w.t.Helper()
	if e := wait(w.culler(0)); e.Status != 0 {
		w.t.Errorf("the last culler ended with %s:\n%s", e.how(), e.Log)
	}
	for _, s := range w.stations {
		left, err := os.ReadDir(s.root)
		if err != nil || len(left) > 0 {
			w.t.Errorf("%s: left after culling: %v %v", s.name, left, err)
		}
	}
}

// report returns the counts of the whole test, as text. lost is the number of lost rows.
func (w *world) report(lost int) string {
	var b strings.Builder
	written, missing, orphans := 0, 0, 0
	for _, s := range w.stations {
		rows, c := s.sim.Written(), s.sim.Counts()
		written += len(rows)
		missing += len(s.got.Missing(rows))
		orphans += c.Orphans
		fmt.Fprintf(&b, "tstat %-6s directories %d, rotations %d, restarts %d, kills %d, headers repeated %d, directories deleted by Tstat %d\n",
			s.name, c.Dirs, c.Rotations, c.Restarts, c.Kills, c.Reloads, c.Deletions)
	}
	fmt.Fprintf(&b, "rows written        %d\n", written)
	fmt.Fprintf(&b, "rows received       %d\n", written-missing)
	fmt.Fprintf(&b, "rows lost           %d\n", lost)
	fmt.Fprintf(&b, "rows that Tstat deleted before a run could succeed %d\n", missing-lost)
	fmt.Fprintf(&b, "flows received      %d\n", w.flows)
	fmt.Fprintf(&b, "flows repeated      %d\n", w.repeatedFlows)
	fmt.Fprintf(&b, "runs of tstat_send  %d\n", w.runs)
	fmt.Fprintf(&b, "runs of tstat_cull before the last, by how they ended%s\n", counts(w.culls))
	fmt.Fprintf(&b, "directories culled  %d by those of them that were not killed\n", w.culled)
	fmt.Fprintf(&b, "logs compressed by gzip(1) %d\n", w.compressed)
	fmt.Fprintf(&b, "rows that Tstat wrote into a log already culled %d\n", orphans)
	return b.String()
}

// counts returns the number of runs for each ending, as text.
func counts(runs map[string]int) string {
	var b strings.Builder
	for _, how := range slices.Sorted(maps.Keys(runs)) {
		fmt.Fprintf(&b, " %s: %d", how, runs[how])
	}
	return b.String()
}
