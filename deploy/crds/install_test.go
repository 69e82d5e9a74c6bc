// SPDX-License-Identifier: Apache-2.0

package crds_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/deploy/crds"
)

func newClient(t *testing.T, config *rest.Config) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOnARealAPIServer shares one control plane between everything that needs one here.
func TestOnARealAPIServer(t *testing.T) {
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Name: "crds"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := newClient(t, plane.Config())
	if err := crds.Install(t.Context(), c, everything(t)); err != nil {
		t.Fatal(err)
	}
	t.Run("installing again writes nothing", func(t *testing.T) { testInstallAgain(t, c) })
	t.Run("an older CRD is updated", func(t *testing.T) { testUpdate(t, c) })
	t.Run("passing failures are tried again", func(t *testing.T) { testRetry(t, c) })
	t.Run("discovery that lags is waited for", func(t *testing.T) { testDiscoveryLags(t, c) })
	t.Run("other failures are not, and name the CRD", func(t *testing.T) { testRefused(t, c) })
	t.Run("names that are taken are reported", func(t *testing.T) { testNamesTaken(t, c) })
	t.Run("the end of the context ends the wait", func(t *testing.T) { testContextEnds(t, c) })
	t.Run("the manifests of the seeds are accepted", func(t *testing.T) { testSeeds(t, c) })
	t.Run("the manifests of the pages are accepted", func(t *testing.T) { testPages(t, c) })
	t.Run("rules of the schemas hold", func(t *testing.T) { testRules(t, c) })
}

func testInstallAgain(t *testing.T, c client.WithWatch) {
	noWrites := interceptor.NewClient(c, interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			return errors.New("created " + o.GetName())
		},
		Update: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.UpdateOption) error {
			return errors.New("updated " + o.GetName())
		},
	})
	if err := crds.Install(t.Context(), noWrites, everything(t)); err != nil {
		t.Error(err)
	}
}

const bindings = "apiservicebindings.kube-bind.io"

func getCRD(t *testing.T, c client.Client, name string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: name}, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

func testUpdate(t *testing.T, c client.WithWatch) {
	old := getCRD(t, c, bindings)
	old.Spec.Names.ShortNames = []string{"old"}
	old.Labels = map[string]string{"team": "platform"}
	if err := c.Update(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := crds.Install(t.Context(), c, everything(t)); err != nil {
		t.Fatal(err)
	}
	got := getCRD(t, c, bindings)
	if names := got.Spec.Names.ShortNames; len(names) != 1 || names[0] != "sb" {
		t.Errorf("short names are %v", names)
	}
	if got.Labels["team"] != "platform" {
		t.Errorf("labels are %v", got.Labels)
	}
}

func testRetry(t *testing.T, c client.WithWatch) {
	gr := schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
	failures := []error{
		apierrors.NewTooManyRequests("busy", 0),
		apierrors.NewConflict(gr, bindings, errors.New("somebody else wrote")),
		apierrors.NewServiceUnavailable("starting"),
	}
	flaky := interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if len(failures) > 0 {
				err := failures[0]
				failures = failures[1:]
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	if err := crds.Install(t.Context(), flaky, everything(t)); err != nil {
		t.Error(err)
	}
	if len(failures) > 0 {
		t.Errorf("%d failures were not met", len(failures))
	}
}

// lagging is a client whose discovery does not know a kind for its first answers.
type lagging struct {
	client.WithWatch
	answers int
}

func (l *lagging) RESTMapper() meta.RESTMapper { return laggingMapper{l.WithWatch.RESTMapper(), l} }

type laggingMapper struct {
	meta.RESTMapper
	*lagging
}

func (m laggingMapper) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if gk.Kind == "APIServiceBinding" && m.answers > 0 {
		m.answers--
		return nil, &meta.NoKindMatchError{GroupKind: gk, SearchedVersions: versions}
	}
	return m.RESTMapper.RESTMapping(gk, versions...)
}

func testDiscoveryLags(t *testing.T, c client.WithWatch) {
	lags := &lagging{WithWatch: c, answers: 3}
	if err := crds.Install(t.Context(), lags, everything(t)); err != nil {
		t.Error(err)
	}
	if lags.answers > 0 {
		t.Errorf("Install returned %d answers before discovery had the kind", lags.answers)
	}
}

func testRefused(t *testing.T, c client.WithWatch) {
	broken := everything(t)[0].DeepCopy()
	broken.Spec.Versions[0].Storage = !broken.Spec.Versions[0].Storage
	err := crds.Install(t.Context(), c, []*apiextensionsv1.CustomResourceDefinition{broken})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), broken.Name) {
		t.Errorf("got %v, want Invalid, with the name %s", err, broken.Name)
	}
}

func testNamesTaken(t *testing.T, c client.WithWatch) {
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "others.kube-bind.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "kube-bind.io", Scope: apiextensionsv1.ClusterScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "others", Kind: "APIServiceBinding"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
			}},
		},
	}
	err := crds.Install(t.Context(), c, []*apiextensionsv1.CustomResourceDefinition{crd})
	if err == nil || !strings.Contains(err.Error(), crd.Name) || !strings.Contains(err.Error(), "names are not accepted") {
		t.Errorf("got %v", err)
	}
	if err := c.Delete(t.Context(), crd); err != nil {
		t.Error(err)
	}
}

func testContextEnds(t *testing.T, c client.WithWatch) {
	unavailable := interceptor.NewClient(c, interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return apierrors.NewServiceUnavailable("never ready")
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	all := everything(t)
	err := crds.Install(ctx, unavailable, all)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "never ready") || !strings.Contains(err.Error(), all[0].Name) {
		t.Errorf("got %v, want the deadline, the CRD and what went wrong last", err)
	}
}
