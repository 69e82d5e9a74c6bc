// SPDX-License-Identifier: Apache-2.0

package layers

// module is prefixed to all paths below that do not name another module.
const module = "kube-bind.io/kube-bind"

// wall keeps what is on one side from reaching, in any number of steps, what is on the other.
type wall struct {
	from []string // folders of this project
	to   []string // folders of this project, or other modules
	why  string
}

var walls = []wall{
	{
		[]string{"apis"},
		[]string{"backend", "cli", "cmd", "controlplane", "deploy", "konnector", "providers"},
		"apis is the lowest layer",
	},
	{
		[]string{"apis", "konnector/sync/plan"},
		[]string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime"},
		"what is pure talks to no server",
	},
	{
		[]string{"konnector"},
		[]string{"backend", "cli", "providers", "sigs.k8s.io/multicluster-runtime", "github.com/kcp-dev"},
		"the konnector runs in a plain cluster and does not know what kind of provider it talks to",
	},
	{[]string{"backend", "providers"}, []string{"konnector", "cli"}, "both sides meet only in the API"},
	{[]string{"providers"}, []string{"backend"}, "providers is what the backend stands on"},
	{
		[]string{"backend/catalog", "backend/controllers", "backend/grants", "backend/loop", "providers/credential", "providers/kube"},
		[]string{"github.com/kcp-dev"},
		"kcp is behind providers/kcp",
	},
	{
		[]string{"controlplane"},
		[]string{"apis", "backend", "cli", "cmd", "deploy", "konnector", "providers"},
		"controlplane imports nothing of ours",
	},
	{
		[]string{"apis", "backend", "cmd/konnector", "cmd/kube-bind-backend", "deploy", "konnector", "providers"},
		[]string{"controlplane"},
		"what is shipped to clusters starts no control planes",
	},
	{
		[]string{"apis", "backend", "cli", "cmd", "controlplane", "deploy", "konnector", "providers"},
		[]string{"hack", "test", "testing"},
		"product code does not import tests",
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
		".", "http", "web", "auth", "controllers/*", "source", "catalog", "grants", "loop",
	},
	"konnector": {
		".", "binding", "connection", "schema", "namespaces", "claims", "sync", "sync/guard", "sync/plan",
	},
}

// nameless are folder names that say nothing about what is in them.
var nameless = []string{"util", "utils", "common", "shared", "helper", "helpers", "types", "base", "manager"}
