// SPDX-License-Identifier: Apache-2.0

package layers

// module is prefixed to all paths below that do not name another module.
const module = "kube-bind.io/kube-bind"

// wall keeps what is on one side from reaching, in any number of steps, what is on the other.
type wall struct {
	from []string // folders of this project
	to   []string // folders of this project, or other modules
	but  []string // folders below from that may
	why  string
}

var walls = []wall{
	{
		from: []string{"apis"},
		to:   []string{"backend", "cli", "cmd", "controlplane", "deploy", "konnector", "providers"},
		why:  "apis is the lowest layer",
	},
	{
		from: []string{"apis", "konnector/sync/plan"},
		to:   []string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime"},
		why:  "what is pure talks to no server",
	},
	{
		from: []string{"konnector", "cmd/konnector"},
		to:   []string{"backend", "cli", "contrib", "providers", "sigs.k8s.io/multicluster-runtime", "github.com/kcp-dev"},
		why:  "the konnector runs in a plain cluster and does not know what kind of provider it talks to",
	},
	{
		from: []string{"backend", "providers"},
		to:   []string{"konnector", "cli"},
		why:  "both sides meet only in the API",
	},
	{
		from: []string{"providers"},
		to:   []string{"backend"},
		why:  "providers is what the backend stands on",
	},
	{
		from: []string{"backend/catalog", "backend/controllers", "backend/grants", "backend/loop", "providers"},
		but:  []string{"providers/kcp"},
		to:   []string{"github.com/kcp-dev"},
		why:  "kcp is behind providers/kcp",
	},
	{
		from: []string{"telemetry"},
		to:   []string{"apis", "backend", "cli", "cmd", "controlplane", "deploy", "konnector", "providers"},
		why:  "telemetry knows nothing of what is watched",
	},
	{
		from: []string{"controlplane"},
		to:   []string{"apis", "backend", "cli", "cmd", "deploy", "konnector", "providers"},
		why:  "controlplane imports nothing of ours",
	},
	{
		from: []string{"apis", "backend", "cmd/konnector", "cmd/kube-bind-backend", "deploy", "konnector", "providers"},
		but:  []string{"providers/providertest"},
		to:   []string{"controlplane"},
		why:  "what is shipped to clusters starts no control planes",
	},
	{
		from: []string{"apis", "backend", "cli", "cmd", "controlplane", "deploy", "konnector", "providers", "telemetry"},
		but:  []string{"providers/providertest"},
		to:   []string{"hack", "providers/providertest", "test", "testing"},
		why:  "product code does not import tests",
	},
}

// orders are the packages of each component from top to bottom: one may import only what stands below it. A pattern
// like controllers/* stands for siblings, which may not import each other.
var orders = map[string][]string{
	"apis": {"kubebind/v1alpha1", "boundschema", "mapping", "kubebind/v1alpha2"},
	"providers": {
		"providertest", "kcp", "kube", "credential", ".",
	},
	"backend": {
		".", "http", "web", "auth", "auth/issuer", "reply", "controllers/*", "binding", "catalog", "grants", "loop", "sharing",
	},
	"konnector": {
		".", "enclosure", "bundle", "binding", "connection", "schema", "record", "namespaces", "claims", "sync", "routing", "sync/guard", "sync/plan",
	},
}

// nameless are folder names that say nothing about what is in them.
var nameless = []string{"util", "utils", "common", "shared", "helper", "helpers", "types", "base", "manager"}
