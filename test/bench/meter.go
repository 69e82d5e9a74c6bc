// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"kube-bind.io/kube-bind/test/pair"
)

// counts are the requests on both sides.
type counts struct{ consumer, provider pair.Requests }

func (b *bench) count(ctx context.Context) (counts, error) {
	consumer, err := pair.CountRequests(ctx, b.pair.Consumer, resource.Resource)
	if err != nil {
		return counts{}, err
	}
	provider, err := pair.CountRequests(ctx, b.pair.Provider, resource.Resource)
	return counts{consumer, provider}, err
}

func (c counts) since(before counts) counts {
	return counts{c.consumer.Since(before.consumer), c.provider.Since(before.provider)}
}

// residentKB is the resident memory of a process.
func residentKB(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of the konnector (Linux only): %w", err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		}
	}
	return 0, fmt.Errorf("no VmRSS for process %d", pid)
}

// ticksPerSecond is the unit of processor times in /proc, which Linux fixes for programs.
const ticksPerSecond = 100

// cpuTime is the processor time that a process has taken so far.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the processor time of the konnector (Linux only): %w", err)
	}
	// Fields are counted after the program's name, which is in parentheses: utime and stime are the 12th and 13th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const utime, stime = 11, 12
	if len(fields) <= stime {
		return 0, fmt.Errorf("cannot read the processor time of process %d", pid)
	}
	user, err := strconv.Atoi(fields[utime])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * time.Second / ticksPerSecond, err
}
