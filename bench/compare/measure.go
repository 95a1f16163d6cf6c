package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
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
			s, err := runShell(ctx, j.command)
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
			wall:     median(samples, func(s sample) time.Duration { return s.wall }),
			cpu:      median(samples, func(s sample) time.Duration { return s.cpu }),
			resident: median(samples, func(s sample) int64 { return s.resident }),
		}
	}
	return medians, nil
}

func median[T cmp.Ordered](samples []sample, value func(sample) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = value(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// runShell runs a shell command and measures all its processes together. A command that starts
// with exec has no shell beside it.
func runShell(ctx context.Context, command string) (sample, error) {
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
