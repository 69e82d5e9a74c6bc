// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// The goals.
const (
	minRatio       = 0.8
	maxLatency     = 3.0 // times the floor
	maxIdleKB      = 60 * 1024
	maxKBPerObject = 15.0
	maxPlacing     = 2.0 // seconds for each of several consumers
)

// results are everything that was measured.
type results struct {
	// What was measured with a plain cluster as the provider.
	*syncResults
	// Scale is how the konnector grows.
	Scale *scaleResults `json:"scale,omitempty"`
	// KCP is what was measured with a kcp.
	KCP *kcpResults `json:"kcp,omitempty"`
	// Large is a large installation.
	Large *largeResults `json:"large,omitempty"`
}

// syncResults are what one resource costs the konnector, beside the floor of the same run.
type syncResults struct {
	// Bursts are the operations of a burst of that many objects.
	Burst  int      `json:"burst"`
	Bursts []*burst `json:"bursts"`
	// Milliseconds from a user's create to the copy, one at a time.
	FloorP50 float64 `json:"floorP50Ms"`
	FloorP99 float64 `json:"floorP99Ms"`
	P50      float64 `json:"p50Ms"`
	P99      float64 `json:"p99Ms"`
	// Milliseconds from there back: from the service's status to the user's.
	FloorBackP50 float64 `json:"floorBackP50Ms"`
	FloorBackP99 float64 `json:"floorBackP99Ms"`
	BackP50      float64 `json:"backP50Ms"`
	BackP99      float64 `json:"backP99Ms"`
	// Resident memory in KB without objects, and with that many of 1 KB.
	Held   int `json:"held"`
	IdleKB int `json:"idleKB"`
	HeldKB int `json:"heldKB"`
	// What a restart writes to unchanged objects, and how long it takes until a new object is synced.
	RestartWrites  int     `json:"restartWrites"`
	RestartSeconds float64 `json:"restartSeconds"`
}

// burst is one operation on many objects: what was measured, and what follows from it.
type burst struct {
	Operation string `json:"operation"`
	// Figures per second, and their ratio.
	FloorPerSecond float64 `json:"floorPerSecond"`
	PerSecond      float64 `json:"perSecond"`
	Ratio          float64 `json:"ratio"`
	// Figures per object: the konnector's requests, and its processor time in milliseconds.
	ConsumerWrites float64 `json:"consumerWrites"`
	ProviderWrites float64 `json:"providerWrites"`
	Reads          float64 `json:"reads"`
	CPUMs          float64 `json:"cpuMs"`

	objects                               int
	floor, took, cpu                      time.Duration
	consumerWrites, providerWrites, reads int
	wantConsumer, wantProvider            int
}

// derive fills in the figures.
func (b *burst) derive() {
	n := float64(b.objects)
	b.FloorPerSecond, b.PerSecond, b.Ratio = n/b.floor.Seconds(), n/b.took.Seconds(), b.floor.Seconds()/b.took.Seconds()
	b.ConsumerWrites, b.ProviderWrites, b.Reads = float64(b.consumerWrites)/n, float64(b.providerWrites)/n, float64(b.reads)/n
	b.CPUMs = float64(b.cpu.Microseconds()) / 1000 / n
}

func (r *syncResults) kbPerObject() float64 { return float64(r.HeldKB-r.IdleKB) / float64(r.Held) }

// print prints a table under a title.
func (r *syncResults) print(w io.Writer, title string) {
	fmt.Fprintf(w, "\n%s\n\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprintf(t, "bursts of %d\tfloor/s\tkonnector/s\tratio\tconsumer writes\tprovider writes\treads\tCPU ms\t\n", r.Burst)
	for _, b := range r.Bursts {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.2f\t%.3f\t%.3f\t%.3f\t%.2f\t\n", b.Operation,
			b.FloorPerSecond, b.PerSecond, b.Ratio, b.ConsumerWrites, b.ProviderWrites, b.Reads, b.CPUMs)
	}
	fmt.Fprintf(t, "\nlatency\tfloor ms\tkonnector ms\tratio\t\n")
	fmt.Fprintf(t, "p50\t%.1f\t%.1f\t%.2f\t\n", r.FloorP50, r.P50, r.P50/r.FloorP50)
	fmt.Fprintf(t, "p99\t%.1f\t%.1f\t%.2f\t\n", r.FloorP99, r.P99, r.P99/r.FloorP99)
	fmt.Fprintf(t, "back, p50\t%.1f\t%.1f\t%.2f\t\n", r.FloorBackP50, r.BackP50, r.BackP50/r.FloorBackP50)
	fmt.Fprintf(t, "back, p99\t%.1f\t%.1f\t%.2f\t\n", r.FloorBackP99, r.BackP99, r.BackP99/r.FloorBackP99)
	fmt.Fprintf(t, "\nmemory\tMB\tKB per object\t\n")
	fmt.Fprintf(t, "idle\t%.1f\t\t\n", float64(r.IdleKB)/1024)
	fmt.Fprintf(t, "%d objects\t%.1f\t%.1f\t\n", r.Held, float64(r.HeldKB)/1024, r.kbPerObject())
	fmt.Fprintf(t, "\nrestart\twrites\tseconds\t\n")
	fmt.Fprintf(t, "%d objects\t%d\t%.1f\t\n", r.Held, r.RestartWrites, r.RestartSeconds)
}

func (r *results) write(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// missed returns the goals that were not reached: a kcp has those of a plain cluster, too.
func (r *results) missed() error {
	var errs []error
	if r.syncResults != nil {
		errs = append(errs, r.syncResults.missed())
	}
	if r.KCP != nil {
		errs = append(errs, r.KCP.missed())
	}
	if r.Large != nil {
		errs = append(errs, r.Large.missed())
	}
	return errors.Join(errs...)
}

// missed returns the goals that were not reached.
func (r *syncResults) missed() error {
	var errs []error
	miss := func(format string, args ...any) { errs = append(errs, fmt.Errorf("missed: "+format, args...)) }
	for _, b := range r.Bursts {
		if b.Ratio < minRatio {
			miss("%s at %.2f of the floor, should be %.2f", b.Operation, b.Ratio, minRatio)
		}
		if b.ConsumerWrites != float64(b.wantConsumer) || b.ProviderWrites != float64(b.wantProvider) || b.Reads != 0 {
			miss("%s takes %.3f+%.3f writes and %.3f reads, should be %d+%d and 0", b.Operation, b.ConsumerWrites, b.ProviderWrites, b.Reads, b.wantConsumer, b.wantProvider)
		}
	}
	for way, ratio := range map[string]float64{"latency": r.P50 / r.FloorP50, "latency back": r.BackP50 / r.FloorBackP50} {
		if ratio > maxLatency {
			miss("%s at %.1f times the floor, should be %.1f", way, ratio, maxLatency)
		}
	}
	if r.IdleKB > maxIdleKB {
		miss("%d KB idle, should be %d", r.IdleKB, maxIdleKB)
	}
	if r.kbPerObject() > maxKBPerObject {
		miss("%.1f KB per object, should be %.1f", r.kbPerObject(), maxKBPerObject)
	}
	if r.RestartWrites != 0 {
		miss("%d writes at a restart, should be 0", r.RestartWrites)
	}
	return errors.Join(errs...)
}
