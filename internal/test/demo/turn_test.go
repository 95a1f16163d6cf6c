package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// turn runs both programs once, as cron would, and shows a line.
func (d *demo) turn() {
	c := d.tstat.Counts()
	written := fmt.Sprintf("%d rows in %d directories", c.Rows, c.Dirs)

	sent := d.run("tstat_send", "-d", "logs", "-c", "config.ini", "-S", sensor, "-T", "0", "--progress", "never")
	d.published += sent.number("published")
	d.confirmed += sent.number("confirmed")
	culled := d.run("tstat_cull", "-d", "logs", "-t", strconv.FormatFloat(d.ttl.Hours(), 'f', -1, 64))
	d.culled += culled.number("directories")

	send := fmt.Sprintf("%d rows, %d messages, status %d", sent.number("rows"), sent.number("confirmed"), sent.status)
	if sent.status == 75 {
		send += " (try again later)"
	} else if sent.status != 0 {
		d.t.Errorf("tstat_send ended with status %d:\n%s", sent.status, sent.log)
	}
	if culled.status != 0 {
		d.t.Errorf("tstat_cull ended with status %d:\n%s", culled.status, culled.log)
	}
	queued := "-"
	if d.node.Pid() != 0 {
		queued = fmt.Sprintf("%d messages", d.node.QueueLen(d.t, "/", queue))
	}
	d.say("%5.0fs  %-30s%-52s%-14s%s", time.Since(d.began).Seconds(), written, send,
		fmt.Sprintf("%d deleted", culled.number("directories")), queued)
}

// outcome is how a run of a program ended.
type outcome struct {
	status int
	log    string
}

// run runs a program to its end. It is not interrupted: it would end with
// status 75, and the demo waits for that short run as a person would.
func (d *demo) run(name string, args ...string) outcome {
	cmd := exec.Command(filepath.Join(d.dir, name), args...)
	cmd.Dir = d.dir
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		d.t.Fatalf("%s: %v", name, err)
	} else if ok {
		return outcome{exit.ExitCode(), log.String()}
	}
	return outcome{0, log.String()}
}

// number is a figure of the summary, 0 where there is no summary.
func (o outcome) number(key string) int {
	for line := range strings.Lines(o.log) {
		if !strings.Contains(line, " event=summary ") {
			continue
		}
		m := regexp.MustCompile(` ` + key + `=([0-9]+)`).FindStringSubmatch(line)
		if m == nil {
			return 0
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0
		}
		return n
	}
	return 0
}
