// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"fmt"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/kubernetes"
)

// Requests counts an API server's requests for one resource, by verb. Watches are left out: they are counted when they
// end, not when they begin.
type Requests map[string]int

// CountRequests reads the API server's own counters. Those of a kcp are for all its workspaces, so that there its audit log is
// read for the side's.
func CountRequests(ctx context.Context, side *Side, resource string) (Requests, error) {
	if side.cluster != nil {
		return countAudited(ctx, side, resource)
	}
	counted, err := CountAllRequests(ctx, side)
	if counted[resource] == nil {
		return Requests{}, err
	}
	return counted[resource], err
}

// CountAllRequests is CountRequests for all resources, by resource, of a plain control plane.
func CountAllRequests(ctx context.Context, side *Side) (map[string]Requests, error) {
	out := map[string]Requests{}
	err := eachCounter(ctx, side, "apiserver_request_total", func(labels map[string]string, value int) {
		if labels["verb"] == "WATCH" {
			return
		}
		of := labels["resource"]
		if out[of] == nil {
			out[of] = Requests{}
		}
		out[of][labels["verb"]] += value
	})
	return out, err
}

// CountUnauthenticated reads how many requests an API server has turned away because it did not know whose they were.
func CountUnauthenticated(ctx context.Context, side *Side) (int, error) {
	n := 0
	err := eachCounter(ctx, side, "authentication_attempts", func(labels map[string]string, value int) {
		if labels["result"] != "success" {
			n += value
		}
	})
	return n, err
}

// eachCounter reads one of the counters of an API server, in all its variants.
func eachCounter(ctx context.Context, side *Side, name string, f func(labels map[string]string, value int)) error {
	c, err := kubernetes.NewForConfig(side.Config())
	if err != nil {
		return err
	}
	body, err := c.Discovery().RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return fmt.Errorf("reading the metrics of an API server: %w", err)
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return fmt.Errorf("reading the metrics of an API server: %w", err)
	}
	for _, m := range families[name].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		f(labels, int(m.GetCounter().GetValue()))
	}
	return nil
}

// Since is what was counted after an earlier count.
func (r Requests) Since(before Requests) Requests {
	out := Requests{}
	for verb, n := range r {
		if n > before[verb] {
			out[verb] = n - before[verb]
		}
	}
	return out
}

// Reads are GETs and LISTs.
func (r Requests) Reads() int { return r["GET"] + r["LIST"] }

// Writes are all others.
func (r Requests) Writes() int {
	n := 0
	for verb, count := range r {
		if verb != "GET" && verb != "LIST" {
			n += count
		}
	}
	return n
}
