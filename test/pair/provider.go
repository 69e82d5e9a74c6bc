// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"

	"k8s.io/client-go/rest"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// ProviderEnv is the environment variable that says which Kind of provider pairs have.
const ProviderEnv = "KUBE_BIND_TEST_PROVIDER"

// Kind is what a pair has as its provider.
type Kind string

const (
	// Kubernetes is a plain control plane. This is the default.
	Kubernetes Kind = "kubernetes"
	// KCPNamespace is a workspace of a kcp, in which each consumer has a namespace.
	KCPNamespace Kind = "kcp-namespace"
	// KCPWorkspace is a workspace of a kcp, below which each consumer has a workspace.
	KCPWorkspace Kind = "kcp-workspace"
)

// KindFromEnv reads ProviderEnv.
func KindFromEnv() (Kind, error) {
	kinds := []Kind{Kubernetes, KCPNamespace, KCPWorkspace}
	kind := cmp.Or(Kind(os.Getenv(ProviderEnv)), Kubernetes)
	if !slices.Contains(kinds, kind) {
		return "", fmt.Errorf("%s is %q, and not one of %q", ProviderEnv, kind, kinds)
	}
	return kind, nil
}

// Terms are how a provider keeps its consumers apart, and how they watch.
type Terms struct {
	Isolation kubebindv1alpha2.Isolation
	Scope     kubebindv1alpha2.InformerScope
}

// Allows tells whether a provider can be had on these terms. Where each consumer has a workspace there is one answer: nobody
// else is in it, so that names stay what they are and one watch is enough.
func (k Kind) Allows(t Terms) bool {
	return k != KCPWorkspace || t == Terms{kubebindv1alpha2.IsolationNone, kubebindv1alpha2.ClusterScope}
}

// Plane is a cluster, as its administrator has it.
type Plane interface {
	// Config, Kubeconfig and KubeconfigFile are the administrator's access.
	Config() *rest.Config
	Kubeconfig() []byte
	KubeconfigFile() string
	// StopAPIServer and StartAPIServer let the API server be away for a while.
	StopAPIServer() error
	StartAPIServer(ctx context.Context) error
	// Stop ends it.
	Stop() error
}
