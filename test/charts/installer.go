// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/pair"
)

// Rule names resources of a group, as values of both charts do.
type Rule struct {
	// Group is that of the resources.
	Group string
	// Resources are plural names, or of a named group "*".
	Resources []string
}

// Installer installs both charts, with their default values but for what is exported and claimed.
type Installer struct {
	// Bound are the resources that are exported and bound, and Claimed those that templates claim.
	Bound, Claimed []Rule
}

var _ pair.Installer = &Installer{}

// InstallBackend implements pair.Installer.
func (i *Installer) InstallBackend(ctx context.Context, provider *pair.Side, dir string) (*pair.Command, error) {
	return i.install(ctx, provider, dir, &Release{Chart: Backend, Values: map[string]any{
		"rbac": map[string]any{"exports": rules(i.Bound), "claims": rules(i.Claimed)},
	}})
}

// InstallKonnector implements pair.Installer.
func (i *Installer) InstallKonnector(ctx context.Context, consumer *pair.Side, dir string) (*pair.Command, error) {
	return i.install(ctx, consumer, dir, &Release{Chart: Konnector, Values: map[string]any{
		"rbac": map[string]any{"resources": rules(i.Bound), "claims": rules(i.Claimed)},
	}})
}

func (i *Installer) install(ctx context.Context, side *pair.Side, dir string, r *Release) (*pair.Command, error) {
	r.Name, r.Namespace, r.Kubeconfig = "kube-bind", kubebindv1alpha2.ConsumerNamespace, side.KubeconfigFile()
	made, err := r.Install(ctx)
	if err != nil {
		return nil, err
	}
	return made.Command(ctx, side, dir)
}

func rules(in []Rule) []any {
	out := []any{}
	for _, r := range in {
		resources := []any{}
		for _, name := range r.Resources {
			resources = append(resources, name)
		}
		out = append(out, map[string]any{"group": r.Group, "resources": resources})
	}
	return out
}

// Find returns the object of a kind and name, or nil.
func (i *Installation) Find(kind, name string) *unstructured.Unstructured {
	for _, object := range i.Objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	return nil
}
