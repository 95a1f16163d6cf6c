package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"tstat-transport/internal/test/testkit"
)

// table is a list of jobs. The first job is the base of the ratios.
type table struct {
	name, title string
	jobs        func(context.Context, *work) ([]job, error)
}

func names() string {
	var all []string
	for _, t := range tables {
		all = append(all, t.name)
	}
	return strings.Join(all, ", ")
}

// tables are all tables. A command that is not installed is left out.
var tables = []table{
	{"default", "Default threshold: nearly every row is read and dropped", func(ctx context.Context, w *work) ([]job, error) {
		t, err := w.logs("sensor", sensorLogs, 4, w.megabytes*1e6)
		if err != nil {
			return nil, err
		}
		files := t.path + "/*/log_*"
		part, err := w.logs("part", sensorLogs, 1, 25e6)
		if err != nil {
			return nil, err
		}
		tcp := part.path + "/*/log_tcp_complete"
		return []job{
			{"wc -l", "exec wc -l " + files + " >/dev/null", t.bytes},
			{"cat", "exec cat " + files + " >/dev/null", t.bytes},
			{"tstat_send, 2 workers", w.send("tstat_send", t.path, "-w 2"), t.bytes},
			{"tstat_send, 1 worker", w.send("tstat_send", t.path, "-w 1"), t.bytes},
			{"portable, 2 workers", w.send("portable", t.path, "-w 2"), t.bytes},
			{"portable, 1 worker", w.send("portable", t.path, "-w 1"), t.bytes},
			{"mawk, filter only, TCP", "exec mawk '" + filter + "' " + tcp + " >/dev/null", part.tcpBytes},
			{"gawk, filter only, TCP", "exec gawk '" + filter + "' " + tcp + " >/dev/null", part.tcpBytes},
			{"mlr, filter only, TCP", "exec mlr --icsv --ojson --ifs ' ' --allow-ragged-csv-input filter '$[[[7]]] >= 1000000000 || $[[[21]]] >= 1000000000' " + tcp + " >/dev/null", part.tcpBytes},
		}, nil
	}},
	{"json", "Threshold 0: every row becomes two flows", func(ctx context.Context, w *work) ([]job, error) {
		t, err := w.logs("sensor", sensorLogs, 4, w.megabytes*1e6)
		if err != nil {
			return nil, err
		}
		json := w.dir + "/flows.json"
		if _, err := runShell(ctx, w.bin("tstat_send")+" -N -T 0 -S sensor -d "+t.path+" > "+json); err != nil {
			return nil, err
		}
		part, err := w.logs("part", sensorLogs, 1, 25e6)
		if err != nil {
			return nil, err
		}
		tcp := part.path + "/*/log_tcp_complete"
		return []job{
			{"cat of the JSON", "exec cat " + json + " >/dev/null", t.bytes},
			{"tstat_send, 2 workers", w.send("tstat_send", t.path, "-T 0 -w 2"), t.bytes},
			{"tstat_send, 1 worker", w.send("tstat_send", t.path, "-T 0 -w 1"), t.bytes},
			{"portable, 2 workers", w.send("portable", t.path, "-T 0 -w 2"), t.bytes},
			{"mawk, three values of each TCP flow", "exec mawk '" + toJSON + "' " + tcp + " >/dev/null", part.tcpBytes},
			{"mlr, all TCP columns as JSON", "exec mlr --icsv --ojsonl --ifs ' ' --allow-ragged-csv-input cat " + tcp + " >/dev/null", part.tcpBytes},
		}, nil
	}},
	{"gzip", "Compressed logs", func(ctx context.Context, w *work) ([]job, error) {
		o := sensorLogs
		o.Gzip = true
		t, err := w.logs("gzip", o, 4, w.megabytes*1e6/3)
		if err != nil {
			return nil, err
		}
		return []job{
			{"zcat \\| wc -l", "zcat " + t.path + "/*/log_*.gz | wc -l >/dev/null", t.bytes},
			{"tstat_send, 2 workers", w.send("tstat_send", t.path, "-w 2"), t.bytes},
			{"tstat_send, 1 worker", w.send("tstat_send", t.path, "-w 1"), t.bytes},
		}, nil
	}},
	{"idle", "10,000 directories that are all processed", func(ctx context.Context, w *work) ([]job, error) {
		t, err := w.processed(ctx, 10_000)
		if err != nil {
			return nil, err
		}
		return []job{
			{"find -name .processed", "exec find " + t.path + " -name .processed >/dev/null", 0},
			{"tstat_send, 2 workers", w.send("tstat_send", t.path, "-w 2"), 0},
			{"tstat_send, 1 worker", w.send("tstat_send", t.path, "-w 1"), 0},
		}, nil
	}},
	{"start", "Start-up: a root without directories", func(ctx context.Context, w *work) ([]job, error) {
		t, err := w.empty()
		if err != nil {
			return nil, err
		}
		return []job{
			{"true", "exec true", 0},
			{"tstat_send", w.send("tstat_send", t.path, ""), 0},
		}, nil
	}},
	{"size", "Cost against size, default threshold, 2 workers", func(ctx context.Context, w *work) (jobs []job, err error) {
		for _, megabytes := range []int64{10, 100, 1000, 2000} {
			t, err := w.logs(fmt.Sprintf("size-%d", megabytes), sensorLogs, 1, megabytes*1e6)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, job{fmt.Sprintf("%d MB", megabytes), w.send("tstat_send", t.path, "-w 2"), t.bytes})
		}
		return jobs, nil
	}},
}

// installed returns the jobs whose command is installed.
func installed(jobs []job) []job {
	return slices.DeleteFunc(jobs, func(j job) bool {
		words := strings.Fields(strings.TrimPrefix(j.command, "exec "))
		_, err := exec.LookPath(words[0])
		return err != nil
	})
}

// print measures the table's jobs and prints them.
func (t table) print(ctx context.Context, w *work) error {
	jobs, err := t.jobs(ctx, w)
	if err != nil {
		return err
	}
	jobs = installed(jobs)
	samples, err := measure(ctx, jobs, w.rounds)
	if err != nil {
		return err
	}
	fmt.Printf("### %s\n\n| job | MB | wall ms | CPU ms | MB/s | × wall | × CPU | resident MB |\n|---|---|---|---|---|---|---|---|\n", t.title)
	// The kernel's figure for each process is at least the resident set of its parent, so
	// smaller figures cannot be measured.
	floor := testkit.Memory(os.Getpid(), "VmHWM")
	base := samples[0]
	scale := func(j job) float64 { // brings a job with less input to the size of the first job
		if j.bytes == 0 {
			return 1
		}
		return float64(jobs[0].bytes) / float64(j.bytes)
	}
	for i, s := range samples {
		j := jobs[i]
		speed, resident := "", fmt.Sprintf("%.0f", float64(s.resident)/1e6)
		if j.bytes > 0 {
			speed = fmt.Sprintf("%.0f", float64(j.bytes)/1e6/s.wall.Seconds())
		}
		if s.resident <= floor+1<<20 {
			resident = fmt.Sprintf("< %.0f", float64(floor)/1e6)
		}
		fmt.Printf("| %s | %.0f | %.1f | %.1f | %s | %.2f | %.2f | %s |\n", j.name, float64(j.bytes)/1e6,
			s.wall.Seconds()*1e3, s.cpu.Seconds()*1e3, speed,
			s.wall.Seconds()/base.wall.Seconds()*scale(j), s.cpu.Seconds()/base.cpu.Seconds()*scale(j), resident)
	}
	fmt.Println()
	return nil
}
