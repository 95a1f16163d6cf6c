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

// job is a shell command and how many bytes of log it gets through.
type job struct {
	name    string
	command string
	bytes   int64
}

// sample is one run of a job.
type sample struct {
	wall, cpu time.Duration
	resident  int64 // bytes, at most
}

// measure runs the jobs in turn, a round first that does not count, and
// returns the medians.
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

// once runs a command; a pipe's processes count together. The shell replaces
// itself where the command says exec.
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
		return sample{}, errors.New("the system does not tell what a process used")
	}
	return sample{wall, state.UserTime() + state.SystemTime(), usage.Maxrss << 10}, nil
}

// own is the resident set of this process: the kernel counts it to every
// process that is started from here, which hides smaller ones.
func own() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kB, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
	return kB << 10
}
