// SPDX-License-Identifier: Apache-2.0

// Package dashboards tests that the dashboard and the alerts ask for what there is.
package dashboards

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/konnector"
	"kube-bind.io/kube-bind/konnector/sync"
	"kube-bind.io/kube-bind/telemetry"
)

// leftOut are the metrics of ours that the dashboard does not show, each with the reason. There is none so far.
var leftOut = map[string]string{}

// known are the series that can be queried, with their labels.
func known(t *testing.T) (series map[string][]string, metrics []telemetry.Metric) {
	t.Helper()
	metrics, err := telemetry.Describe(slices.Concat(konnector.Collectors(), backend.Collectors())...)
	if err != nil {
		t.Fatal(err)
	}
	series = map[string][]string{}
	for _, m := range metrics {
		for _, name := range m.Series() {
			series[name] = m.Labels
			if strings.HasSuffix(name, "_bucket") {
				series[name] = append(slices.Clone(m.Labels), "le")
			}
		}
	}
	return series, metrics
}

// words are what labels can say that queries match, as the code says it: a query for what nothing says is silent for good.
func words() map[string][]string {
	return map[string][]string{
		"reason": {kubebindv1alpha2.ReasonHeartbeatTimeout, sync.Retrying},
		"result": {kubebindv1alpha2.ErrorCodeClusterConnectionFailed},
		"kind":   {"APIServiceExport", "ClusterBinding"},
		"x":      {"known"}, // of TestAsks
	}
}

// query is a PromQL expression and what its result is shown with.
type query struct{ where, expr, text string }

// asks are the series that a query asks for. It complains of what there is not: series, labels that are matched or grouped by, and
// labels in the text that the result does not have.
func asks(complain func(format string, args ...any), q query, series map[string][]string) (out []string) {
	for _, variable := range [][2]string{{"$__rate_interval", "5m"}, {"$binding", ".*"}} {
		q.expr = strings.ReplaceAll(q.expr, variable[0], variable[1])
	}
	if strings.Contains(q.expr, "$") {
		complain("%s: has a variable that is not known: %s", q.where, q.expr)
	}
	parsed, err := metricsql.Parse(q.expr)
	if err != nil {
		complain("%s: %s: %v", q.where, q.expr, err)
		return nil
	}
	var labels, grouped []string
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.MetricExpr:
			for _, filters := range e.LabelFilterss {
				for _, filter := range filters {
					if filter.Label == "__name__" {
						out = append(out, filter.Value)
					} else {
						labels = append(labels, filter.Label)
						if can := words()[filter.Label]; can != nil && !filter.IsRegexp && !slices.Contains(can, filter.Value) {
							complain("%s: no %s is %q, as far as this test knows", q.where, filter.Label, filter.Value)
						}
					}
				}
			}
		case *metricsql.AggrFuncExpr:
			if op := strings.ToLower(e.Modifier.Op); op != "" && op != "by" {
				complain("%s: groups %s, which this test does not know", q.where, op)
			}
			labels, grouped = append(labels, e.Modifier.Args...), append(grouped, e.Modifier.Args...)
		}
	})
	for _, name := range out {
		have, ok := series[name]
		if !ok {
			complain("%s: there is no metric %s", q.where, name)
			continue
		}
		for _, label := range labels {
			if !slices.Contains(have, label) {
				complain("%s: %s has no label %s", q.where, name, label)
			}
		}
	}
	if len(out) == 0 {
		complain("%s: asks for nothing", q.where)
	}
	for _, match := range regexp.MustCompile(`\{\{ *(?:\$labels\.)?([a-z_]+) *\}\}`).FindAllStringSubmatch(q.text, -1) {
		if !slices.Contains(grouped, match[1]) || match[1] == "le" {
			complain("%s: the result has no label %s", q.where, match[1])
		}
	}
	return out
}

// panel is what is looked at of one of Grafana's.
type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, LegendFormat string }
	Panels      []panel
}

func dashboard(t *testing.T) (panels []panel, variables []string) {
	t.Helper()
	raw, err := os.ReadFile("kube-bind.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels     []panel
		Templating struct {
			List []struct {
				Name  string
				Query string
			}
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Templating.List {
		variables = append(variables, v.Query)
	}
	return d.Panels, variables
}

// Every query of the dashboard parses and asks for metrics and labels that there are, and every metric of ours is in it.
func TestDashboard(t *testing.T) {
	series, metrics := known(t)
	panels, variables := dashboard(t)
	shown, ids, rows := map[string]bool{}, map[int]bool{}, 0
	for _, p := range panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		if ids[p.ID] = true; p.Type == "row" {
			rows++
			continue
		}
		if len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s shows nothing, or is too wide", p.Title)
		}
		for _, target := range p.Targets {
			for _, name := range asks(t.Errorf, query{p.Title, target.Expr, target.LegendFormat}, series) {
				shown[name] = true
			}
		}
	}
	if rows != 2 {
		t.Errorf("there are %d rows, want one for the consumer and one for the provider", rows)
	}
	for _, m := range metrics {
		inIt := slices.ContainsFunc(m.Series(), func(name string) bool { return shown[name] })
		if _, out := leftOut[m.Name]; inIt == out {
			t.Errorf("%s is in the dashboard: %v, is left out on purpose: %v", m.Name, inIt, out)
		}
	}
	values := regexp.MustCompile(`^label_values\(([a-z_]+), ([a-z_]+)\)$`)
	for _, v := range variables {
		if match := values.FindStringSubmatch(v); v != "prometheus" && (match == nil || !slices.Contains(series[match[1]], match[2])) {
			t.Errorf("the variable of %q has no values", v)
		}
	}
}

// So does every alert.
func TestAlerts(t *testing.T) {
	series, _ := known(t)
	raw, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rule struct {
		Kind string
		Spec struct {
			Groups []struct {
				Name  string
				Rules []struct {
					Alert, Expr string
					Labels      map[string]string
					Annotations map[string]string
				}
			}
		}
	}
	if err := yaml.Unmarshal(raw, &rule); err != nil || rule.Kind != "PrometheusRule" {
		t.Fatalf("a %s: %v", rule.Kind, err)
	}
	names := map[string]bool{}
	for _, g := range rule.Spec.Groups {
		for _, r := range g.Rules {
			if names[r.Alert] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s is there twice, or has no severity, summary or description", r.Alert)
			}
			names[r.Alert] = true
			asks(t.Errorf, query{r.Alert, r.Expr, strings.ReplaceAll(r.Annotations["summary"], "{{ $value }}", "")}, series)
		}
	}
	if len(names) < 5 {
		t.Errorf("there are %d alerts", len(names))
	}
}

// The test itself notices what is wrong with a query.
func TestAsks(t *testing.T) {
	series := map[string][]string{"a_total": {"x"}, "b_bucket": {"x", "le"}}
	for expr, good := range map[string]bool{
		`sum by (x) (rate(a_total{x=~"$binding"}[$__rate_interval]))`:       true,
		`histogram_quantile(0.99, sum by (le, x) (rate(b_bucket[5m]))) > 3`: true,
		`sum by (x) (rate(c_total[5m]))`:                                    false,
		`sum by (y) (rate(a_total[5m]))`:                                    false,
		`sum by (x) (a_total{y="1"})`:                                       false,
		`sum by (x) (a_total{x="known"})`:                                   true,
		`sum by (x) (a_total{x="forgotten"})`:                               false,
		`sum by (x) (a_total`:                                               false,
		`sum by (x) (a_total{x="$unknown"})`:                                false,
		`sum without (x) (a_total)`:                                         false,
		`sum(a_total)`:                                                      false, // its text names x
		`vector(1)`:                                                         false,
	} {
		complaints := 0
		asks(func(string, ...any) { complaints++ }, query{"probe", expr, "{{x}}"}, series)
		if (complaints == 0) != good {
			t.Errorf("%s: there are %d complaints", expr, complaints)
		}
	}
}
