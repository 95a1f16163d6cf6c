package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// job is a shell command that reads logs.
type job struct {
	name    string
	command string
	bytes   int64 // size of the logs; 0 if the job is not measured by size
}

// sample holds the measurements of one run of a job.
type sample struct {
	wall, cpu time.Duration
	resident  int64 // largest resident set, in bytes
}

// measure runs the jobs in turn and returns the medians. The first round does not count.
func measure(ctx context.Context, jobs []job, rounds int) ([]sample, error) {
	all := make([][]sample, len(jobs))
	for round := range rounds + 1 {
		for i, j := range jobs {
			s, err := once(ctx, j.command)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", j.name, err)
			}
			if round > 0 {
				all[i] = append(all[i], s)
			}
		}
	}
	medians := make([]sample, len(jobs))
	for i, samples := range all {
		medians[i] = sample{
			wall:     median(samples, func(s sample) int64 { return int64(s.wall) }),
			cpu:      median(samples, func(s sample) int64 { return int64(s.cpu) }),
			resident: int64(median(samples, func(s sample) int64 { return s.resident })),
		}
	}
	return medians, nil
}

func median(samples []sample, value func(sample) int64) time.Duration {
	values := make([]int64, len(samples))
	for i, s := range samples {
		values[i] = value(s)
	}
	slices.Sort(values)
	return time.Duration(values[len(values)/2])
}

// once runs a shell command. The processor times of all its processes count; a command that
// starts with exec has no shell beside it.
func once(ctx context.Context, command string) (sample, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Stderr = new(strings.Builder)
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w: %s", command, err, cmd.Stderr)
	}
	state := cmd.ProcessState
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{}, errors.New("the system does not report the resources of a process")
	}
	return sample{wall, state.UserTime() + state.SystemTime(), usage.Maxrss << 10}, nil
}

// ownResident returns the resident set of this process. The kernel includes it in the figure
// of every process that this process starts, so smaller figures cannot be measured.
func ownResident() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kB, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
	return kB << 10
}
