// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/konnector"
	"kube-bind.io/kube-bind/telemetry"
)

const metricsPage = "metrics.md"

const metricsHead = `# Metrics

<!-- This page is written by ` + "`go test ./docs/reference -args update`" + ` from the code. -->

The konnector serves them at ` + "`/metrics`" + ` of ` + "`--server-address`" + `, the backend at ` + "`/metrics`" + ` of ` + "`--metrics-address`" + `. Beside those below
both have the ones of controller-runtime (` + "`controller_runtime_*`, `workqueue_*`, `rest_client_*`, `leader_election_*`" + `), of Go and of the
process. How to use them is in [operations](../operations/observability.md).

Labels are bounded. There are as many values of ` + "`binding`, `name`, `resource`" + ` and ` + "`provider`" + ` as APIServiceBindings, bundles, bound
resources and hosts of providers; all others have values of a fixed set: ` + "`reason`" + ` those of [conditions](conditions.md), ` + "`result`" + ` of sign-ins those of
the HTTP API's errors. No consumer, user or object of a user is named in one, and nothing that is secret.
The series of a binding go with it.
`

// The reference of metrics is what the code says.
func TestMetricsReference(t *testing.T) {
	var out bytes.Buffer
	out.WriteString(metricsHead)
	for _, part := range []struct {
		title      string
		collectors []prometheus.Collector
	}{{"Konnector", konnector.Collectors()}, {"Backend", backend.Collectors()}} {
		metrics, err := telemetry.Describe(part.collectors...)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n## %s\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n", part.title)
		for _, m := range metrics {
			if !strings.HasPrefix(m.Name, "kube_bind_") || !strings.HasSuffix(m.Help, ".") {
				t.Errorf("%s: the name begins with kube_bind_, and the help is a sentence: %q", m.Name, m.Help)
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, quoted(m.Labels), strings.ReplaceAll(m.Help, "|", `\|`))
		}
	}
	isCurrent(t, metricsPage, out.String())
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = "`" + name + "`"
	}
	return strings.Join(out, ", ")
}
