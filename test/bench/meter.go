// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/kubernetes"

	"kube-bind.io/kube-bind/test/pair"
)

// requests counts an API server's requests for one resource, by verb. Watches are left out: they are counted when they
// end, not when they begin.
type requests map[string]int

// countRequests reads the API server's own counters.
func countRequests(ctx context.Context, side *pair.Side, resource string) (requests, error) {
	c, err := kubernetes.NewForConfig(side.Config())
	if err != nil {
		return nil, err
	}
	body, err := c.Discovery().RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics of an API server: %w", err)
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics of an API server: %w", err)
	}
	out := requests{}
	for _, m := range families["apiserver_request_total"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["resource"] == resource && labels["verb"] != "WATCH" {
			out[labels["verb"]] += int(m.GetCounter().GetValue())
		}
	}
	return out, nil
}

// since is what was counted after an earlier count.
func (r requests) since(before requests) requests {
	out := requests{}
	for verb, n := range r {
		if n > before[verb] {
			out[verb] = n - before[verb]
		}
	}
	return out
}

func (r requests) reads() int { return r["GET"] + r["LIST"] }

func (r requests) writes() int {
	n := 0
	for verb, count := range r {
		if verb != "GET" && verb != "LIST" {
			n += count
		}
	}
	return n
}

// counts are the requests on both sides.
type counts struct{ consumer, provider requests }

func (b *bench) count(ctx context.Context) (counts, error) {
	consumer, err := countRequests(ctx, b.pair.Consumer, resource.Resource)
	if err != nil {
		return counts{}, err
	}
	provider, err := countRequests(ctx, b.pair.Provider, resource.Resource)
	return counts{consumer, provider}, err
}

func (c counts) since(before counts) counts {
	return counts{c.consumer.since(before.consumer), c.provider.since(before.provider)}
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
