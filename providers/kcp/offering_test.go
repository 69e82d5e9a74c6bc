// SPDX-License-Identifier: Apache-2.0

package kcp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/wild"
)

// runOffers runs the controller that offers what is bound, until the test ends.
func runOffers(t *testing.T, ignore ...string) *kcp.Provider {
	t.Helper()
	cfg, err := world.BackendConfig()
	if err != nil {
		t.Fatal(err)
	}
	local, err := ctrl.NewManager(cfg, ctrl.Options{Scheme: world.Scheme, Metrics: server.Options{BindAddress: "0"}, Logger: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	opts := kcp.Options{Tenancy: kcp.Workspaces, OfferBindings: true, Logger: klog.Background()}
	opts.Places.NamespacePrefix = prefix
	p, err := kcp.New(local, opts)
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := mcmanager.WithMultiCluster(local, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(local.Add(p.Watcher()), p.RegisterOffers(mgr, ignore, nil)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the manager failed: %v", err)
		}
	})
	return p
}

func crd(plural, kind string, scope apiextensionsv1.ResourceScope) *apiextensionsv1.CustomResourceDefinition {
	out := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: plural + ".offers.example.org"}}
	out.Spec.Group, out.Spec.Scope = "offers.example.org", scope
	out.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Singular: strings.ToLower(kind), Kind: kind, ListKind: kind + "List"}
	out.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{
		Name: "v1", Served: true, Storage: true,
		Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
	}}
	return out
}

// exportOf has a workspace export CRDs by one APIExport, which anybody may bind.
func exportOf(t *testing.T, path, name string, crds ...*apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	c, err := world.Client(path)
	if err != nil {
		t.Fatal(err)
	}
	export := &apisv1alpha2.APIExport{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, crd := range crds {
		s, err := kcpinit.Schema(crd)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), s)); err != nil {
			t.Fatal(err)
		}
		export.Spec.Resources = append(export.Spec.Resources, kcpinit.Resource(s))
	}
	if err := c.Create(t.Context(), export); err != nil {
		t.Fatal(err)
	}
}

func apiBinding(name, path, export string) *apisv1alpha2.APIBinding {
	out := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
	out.Spec.Reference.Export = &apisv1alpha2.ExportBindingReference{Path: path, Name: export}
	return out
}

// templatesAre waits until there are these templates in a workspace, and no others.
func templatesAre(t *testing.T, c client.Client, want ...string) map[string]kubebindv1alpha2.APIServiceExportTemplate {
	t.Helper()
	out := map[string]kubebindv1alpha2.APIServiceExportTemplate{}
	eventually(t, fmt.Sprintf("the templates %v", want), func(ctx context.Context) error {
		clear(out)
		var list kubebindv1alpha2.APIServiceExportTemplateList
		if err := c.List(ctx, &list); err != nil {
			return err
		}
		var have []string
		for _, template := range list.Items {
			have = append(have, template.Name)
			out[template.Name] = template
		}
		if slices.Sort(have); !slices.Equal(have, want) {
			return fmt.Errorf("there are %v", have)
		}
		return nil
	})
	return out
}

// nameIsTaken waits until the provider is told that a template of its own has the name of one for a binding.
func nameIsTaken(t *testing.T, host client.Client, binding, template string) {
	t.Helper()
	eventually(t, "an Event about the name that is taken", func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := host.List(ctx, &events); err != nil {
			return err
		}
		if !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool {
			return e.Reason == "NotOffered" && e.Regarding.Name == binding && strings.Contains(e.Note, template)
		}) {
			return fmt.Errorf("there are %d others", len(events.Items))
		}
		return nil
	})
}

// editIsKept describes a template, and takes a resource out: the text stays, and the resource comes back.
func editIsKept(t *testing.T, host client.Client, template *kubebindv1alpha2.APIServiceExportTemplate) {
	t.Helper()
	eventually(t, "the provider's edit", func(ctx context.Context) error {
		if err := host.Get(ctx, client.ObjectKeyFromObject(template), template); err != nil {
			return err
		}
		template.Spec.Description, template.Spec.Resources = "Animals, and where they live.", template.Spec.Resources[:1]
		return host.Update(ctx, template)
	})
	eventually(t, "the resource to be back", func(ctx context.Context) error {
		if err := host.Get(ctx, client.ObjectKeyFromObject(template), template); err != nil {
			return err
		}
		if len(template.Spec.Resources) != 2 || template.Spec.Description == "" {
			return fmt.Errorf("it is %+v", template.Spec)
		}
		return nil
	})
}

// What a provider's workspace binds is offered by a template for each scope, as long as it is bound. What is kcp's, ignored or
// somebody else's template is left alone.
func TestOffersWhatIsBound(t *testing.T) {
	p := runOffers(t, "private-")
	if _, err := world.NewWorkspace(t.Context(), "root", "offers-source"); err != nil {
		t.Fatal(err)
	}
	exportOf(t, "root:offers-source", "zoo", crd("cages", "Cage", apiextensionsv1.NamespaceScoped), crd("animals", "Animal", apiextensionsv1.NamespaceScoped), crd("zoos", "Zoo", apiextensionsv1.ClusterScoped))
	exportOf(t, "root:offers-source", "farm", crd("cows", "Cow", apiextensionsv1.NamespaceScoped))
	exportOf(t, "root:offers-source", "hidden", crd("moles", "Mole", apiextensionsv1.NamespaceScoped))
	host := workspace(t, p, "offers")
	taken := wild.Template(crd("cows", "Cow", apiextensionsv1.NamespaceScoped))
	taken.Name = "farm" + "-namespaced"
	eventually(t, "a template of the provider's own", func(ctx context.Context) error { return host.Create(ctx, taken) })
	zoo, farm := apiBinding("zoo", "root:offers-source", "zoo"), apiBinding("farm", "root:offers-source", "farm")
	for _, b := range []*apisv1alpha2.APIBinding{zoo, farm, apiBinding("private-moles", "root:offers-source", "hidden")} {
		if err := wild.Bind(t.Context(), host.Client, b); err != nil {
			t.Fatal(err)
		}
	}

	made := templatesAre(t, host.Client, "farm-namespaced", "zoo-cluster", "zoo-namespaced")
	cluster, namespaced := made["zoo-cluster"], made["zoo-namespaced"]
	if r := namespaced.Spec.Resources; namespaced.Spec.Scope != kubebindv1alpha2.NamespacedScope || len(r) != 2 || r[0].Resource != "animals" || r[1].Resource != "cages" || !slices.Equal(r[0].Versions, []string{"v1"}) {
		t.Errorf("the namespaced template is %+v", namespaced.Spec)
	}
	if r := cluster.Spec.Resources; cluster.Spec.Scope != kubebindv1alpha2.ClusterScope || len(r) != 1 || r[0].Resource != "zoos" || r[0].Group != "offers.example.org" {
		t.Errorf("the cluster template is %+v", cluster.Spec)
	}
	if o := cluster.OwnerReferences; cluster.Annotations[kcp.OwnerBindingAnnotation] != "zoo" || len(o) != 1 || o[0].Kind != "APIBinding" || o[0].Name != "zoo" {
		t.Errorf("the cluster template is %v's, %v", o, cluster.Annotations)
	}
	if got := made["farm-namespaced"]; got.UID != taken.UID || got.Generation != taken.Generation || len(got.Annotations[kcp.OwnerBindingAnnotation]) > 0 {
		t.Errorf("the provider's own template is %+v", got)
	}
	nameIsTaken(t, host.Client, "farm", "farm-namespaced")
	editIsKept(t, host.Client, &namespaced)
	// The name becomes free.
	if err := host.Delete(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the template whose name was taken", func(ctx context.Context) error {
		now := &kubebindv1alpha2.APIServiceExportTemplate{}
		if err := host.Get(ctx, client.ObjectKeyFromObject(taken), now); err != nil {
			return err
		}
		if now.UID == taken.UID {
			return errors.New("it is the old one")
		}
		return nil
	})
	if err := host.Delete(t.Context(), zoo); err != nil {
		t.Fatal(err)
	}
	templatesAre(t, host.Client, "farm-namespaced")
}
