package demo

import (
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"tstat-transport/internal/test/testkit"
)

// turn runs both programs once, as cron would, and shows a line.
func (d *demo) turn() {
	c := d.tstat.Counts()
	written := fmt.Sprintf("%d rows in %d directories", c.Rows, c.Dirs)

	sent := d.run("tstat_send", "-d", d.logs, "-c", d.config, "-S", sensor, "-T", "0", "--progress", "never")
	d.published += figure(sent, "published")
	d.confirmed += figure(sent, "confirmed")
	culled := d.run("tstat_cull", "-d", d.logs, "-t", strconv.FormatFloat(d.ttl.Hours(), 'f', -1, 64))
	d.culled += figure(culled, "directories")

	send := fmt.Sprintf("%d rows, %d messages, status %d", figure(sent, "rows"), figure(sent, "confirmed"), sent.Status)
	if sent.Status == 75 {
		send += " (try again later)"
	} else if sent.Status != 0 {
		d.t.Errorf("tstat_send ended with status %d:\n%s", sent.Status, sent.Log)
	}
	if culled.Status != 0 {
		d.t.Errorf("tstat_cull ended with status %d:\n%s", culled.Status, culled.Log)
	}
	queued := "-"
	if d.site.Node.Pid() != 0 {
		queued = fmt.Sprintf("%d messages", d.site.Queued())
	}
	d.say("%5.0fs  %-30s%-52s%-14s%s", time.Since(d.began).Seconds(), written, send,
		fmt.Sprintf("%d deleted", figure(culled, "directories")), queued)
}

// run runs a program to its end.
func (d *demo) run(name string, args ...string) testkit.Ending {
	return testkit.Start(d.t, exec.Command(testkit.Binary(d.t, name, ""), args...)).Wait()
}

// figure returns a number of the summary, 0 where there is no summary.
func figure(e testkit.Ending, key string) int {
	n, _ := strconv.Atoi(e.Summary[key])
	return n
}
