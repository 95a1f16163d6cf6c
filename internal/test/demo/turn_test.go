package demo

import (
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"tstat-transport/internal/test/testkit"
)

// heading and row format a table that fits a terminal of 80 columns.
const (
	heading = "        Tstat wrote   tstat_send sent                     culled     queue\n" +
		"         rows  dirs     rows messages  status              dirs  messages"
	row = "%5.0fs %6d %5d %8d %8d  %-17s %6d %9s"
)

// turn runs both programs once, as cron does, and prints a row of the table.
func (d *demo) turn() {
	sent := d.run("tstat_send", "-d", d.logs, "-c", d.config, "-S", sensor, "-T", "0", "--progress", "never")
	c := d.tstat.Counts() // after the run, so that Tstat wrote at least the rows that were sent
	d.published += figure(sent, "published")
	d.confirmed += figure(sent, "confirmed")
	culled := d.run("tstat_cull", "-d", d.logs, "-t", strconv.FormatFloat(d.ttl.Hours(), 'f', -1, 64))
	d.culled += figure(culled, "directories")

	status := strconv.Itoa(sent.Status)
	if sent.Status == 75 {
		status += " (again later)"
	} else if sent.Status != 0 {
		d.t.Errorf("tstat_send ended with status %d:\n%s", sent.Status, sent.Log)
	}
	if culled.Status != 0 {
		d.t.Errorf("tstat_cull ended with status %d:\n%s", culled.Status, culled.Log)
	}
	queued := "-"
	if d.site.Node.Pid() != 0 {
		queued = strconv.Itoa(d.site.Queued())
	}
	d.say(row, time.Since(d.began).Seconds(), c.Rows, c.Dirs, figure(sent, "rows"), figure(sent, "confirmed"), status,
		figure(culled, "directories"), queued)
}

// run runs a program to its end.
func (d *demo) run(name string, args ...string) testkit.Ending {
	cmd := exec.Command(testkit.Binary(d.t, name, ""), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must reach the demo only
	return testkit.Start(d.t, cmd).Wait()
}

// figure returns a number of the summary, or 0 without a summary.
func figure(e testkit.Ending, key string) int {
	n, _ := strconv.Atoi(e.Summary[key])
	return n
}
