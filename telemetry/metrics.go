// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Register adds collectors to a registry, and returns how to take them out again. Those of another konnector or backend in the
// process stay, and are named in the error: the process then shows those.
func Register(registry prometheus.Registerer, collectors ...prometheus.Collector) (unregister func(), err error) {
	var ours []prometheus.Collector
	var errs []error
	for _, c := range collectors {
		if err := registry.Register(c); err != nil {
			errs = append(errs, fmt.Errorf("registering metrics: %w", err))
			continue
		}
		ours = append(ours, c)
	}
	return func() {
		for _, c := range ours {
			registry.Unregister(c)
		}
	}, errors.Join(errs...)
}

// Metric is what is to be known of a metric.
type Metric struct {
	// Name, Type and Help are as Prometheus shows them.
	Name, Type, Help string
	// Labels are the names of its labels, those of a histogram's buckets left out.
	Labels []string
}

// Series are the names under which the metric can be queried.
func (m Metric) Series() []string {
	if m.Type == "histogram" {
		return []string{m.Name + "_bucket", m.Name + "_sum", m.Name + "_count"}
	}
	return []string{m.Name}
}

// Describe returns what collectors collect, by name. Collectors of our own have gauges.
func Describe(collectors ...prometheus.Collector) ([]Metric, error) {
	var out []Metric
	for _, c := range collectors {
		descs := make(chan *prometheus.Desc)
		go func() {
			defer close(descs)
			c.Describe(descs)
		}()
		for desc := range descs {
			m, err := parse(desc.String())
			if err != nil {
				return nil, err
			}
			m.Type = typeOf(c)
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func typeOf(c prometheus.Collector) string {
	switch c.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.HistogramVec:
		return "histogram"
	}
	return "gauge"
}

// parse reads what client_golang says of a metric; it has no other way to ask.
func parse(desc string) (Metric, error) {
	match := regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`).FindStringSubmatch(desc)
	if match == nil {
		return Metric{}, fmt.Errorf("reading the description of a metric: %s", desc)
	}
	var m Metric
	var err1, err2 error
	m.Name, err1 = strconv.Unquote(match[1])
	m.Help, err2 = strconv.Unquote(match[2])
	if match[3] != "" {
		m.Labels = strings.Split(match[3], ",")
	}
	return m, errors.Join(err1, err2)
}
