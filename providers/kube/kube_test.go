// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kube"
	"kube-bind.io/kube-bind/providers/providertest"
)

const prefix = "kube-bind-"

// world is shared by all tests of this package: they use different identities. Its credentials do not expire.
var world providertest.World

// view is of the cluster of world.
var view cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cp, err := controlplane.Start(ctx, controlplane.Options{Name: "provider"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = cp.Stop() }()
	if world, err = newWorld(ctx, cp); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func newWorld(ctx context.Context, cp *controlplane.ControlPlane) (providertest.World, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), kubebindv1alpha2.AddToScheme(scheme)); err != nil {
		return providertest.World{}, err
	}
	cfg := cp.Config()
	cfg.QPS = -1
	admin, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return providertest.World{}, err
	}
	all, err := crds.Provider()
	if err != nil {
		return providertest.World{}, err
	}
	if err := crds.Install(ctx, admin, all); err != nil {
		return providertest.World{}, err
	}
	if view, err = cluster.New(cfg, func(o *cluster.Options) { o.Scheme = scheme }); err != nil {
		return providertest.World{}, err
	}
	go func() { _ = view.Start(ctx) }()
	if !view.GetCache().WaitForCacheSync(ctx) {
		return providertest.World{}, errors.New("the cache does not start")
	}
	p, err := kube.New(view, kube.Options{NamespacePrefix: prefix, PrettyName: "BigCorp"})
	return providertest.World{Provider: p, Cluster: kube.Cluster, Admin: admin, Scheme: scheme}, err
}

func TestProvider(t *testing.T) {
	providertest.Run(t, expiring)
	providertest.RunExpiring(t, expiring)
}

func TestProviderWithStaticTokens(t *testing.T) {
	static := func(*testing.T) providertest.World { return world }
	providertest.Run(t, static)
	providertest.RunStatic(t, static)
}

// place asks for a place until it is ready.
func place(t *testing.T, consumer providers.Consumer) (*providers.Place, error) {
	t.Helper()
	return placeIn(t, world, consumer)
}

func placeIn(t *testing.T, w providertest.World, consumer providers.Consumer) (*providers.Place, error) {
	t.Helper()
	var out *providers.Place
	err := patiently(t, func(ctx context.Context) error {
		var err error
		out, err = w.Provider.Place(ctx, kube.Cluster, consumer)
		return err
	})
	return out, err
}

// patiently repeats a call until it is ready.
func patiently(t *testing.T, call func(ctx context.Context) error) error {
	t.Helper()
	return wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := call(ctx)
		if _, ok := errors.AsType[*providers.NotReadyError](err); ok {
			return false, nil
		}
		return err == nil, err
	})
}

func newNamespace(t *testing.T, name string, annotations map[string]string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}
	if err := world.Admin.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return ns
}

// A namespace that is in the way is neither used nor changed.
func TestForeignNamespace(t *testing.T) {
	for name, tc := range map[string]struct {
		annotations map[string]string
		taken       bool
	}{
		"somebody's":               {nil, false},
		"another identity's":       {map[string]string{kubebindv1alpha2.IdentityAnnotation: "collision", kubebindv1alpha2.RequesterAnnotation: "r"}, false},
		"an older backend's":       {map[string]string{kubebindv1alpha2.IdentityAnnotation: "an older backend's"}, false},
		"another requester's":      {map[string]string{kubebindv1alpha2.IdentityAnnotation: "another requester's", kubebindv1alpha2.RequesterAnnotation: "x"}, true},
		"another's, in older days": {map[string]string{kubebindv1alpha2.LegacyIdentityAnnotation: "another's, in older days", kubebindv1alpha2.RequesterAnnotation: "x"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t, mapping.ContractNamespaceName(prefix, name), tc.annotations)
			_, err := place(t, providers.Consumer{Identity: name, Requester: "r"})
			_, taken := errors.AsType[*providers.IdentityTakenError](err)
			_, foreign := errors.AsType[*providers.ForeignError](err)
			if taken != tc.taken || foreign == tc.taken {
				t.Errorf("got %v", err)
			}
			after := &corev1.Namespace{}
			if err := world.Admin.Get(t.Context(), client.ObjectKeyFromObject(ns), after); err != nil {
				t.Fatal(err)
			}
			if after.ResourceVersion != ns.ResourceVersion {
				t.Error("the namespace was changed")
			}
			if err := world.Admin.Get(t.Context(), client.ObjectKey{Namespace: ns.Name, Name: kubebindv1alpha2.ClusterBindingName}, &kubebindv1alpha2.ClusterBinding{}); !apierrors.IsNotFound(err) {
				t.Errorf("there is a ClusterBinding: %v", err)
			}
		})
	}
}

// An identity in the annotation of older days is moved to the one of today.
func TestLegacyIdentity(t *testing.T) {
	const identity = "from older days"
	ns := newNamespace(t, mapping.ContractNamespaceName(prefix, identity), map[string]string{
		kubebindv1alpha2.LegacyIdentityAnnotation: identity, kubebindv1alpha2.RequesterAnnotation: "r",
	})
	p, err := place(t, providers.Consumer{Identity: identity, Requester: "r"})
	if err != nil || p.Namespace != ns.Name {
		t.Fatalf("got %+v, %v", p, err)
	}
	after := &corev1.Namespace{}
	if err := world.Admin.Get(t.Context(), client.ObjectKeyFromObject(ns), after); err != nil {
		t.Fatal(err)
	}
	if _, found := after.Annotations[kubebindv1alpha2.LegacyIdentityAnnotation]; found || after.Annotations[kubebindv1alpha2.IdentityAnnotation] != identity {
		t.Errorf("annotations %v", after.Annotations)
	}
}

// Remove takes what was made for the consumer outside of its contract namespace, and nothing that only looks like it.
func TestRemoveEverything(t *testing.T) {
	p, err := place(t, providers.Consumer{Identity: t.Name(), Requester: "r"})
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{kubebindv1alpha2.ContractNamespaceLabel: p.Namespace}
	objects := map[client.Object]bool{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace + "-marked", Labels: labels,
			Annotations: map[string]string{kubebindv1alpha2.APIServiceNamespaceAnnotation: p.Namespace + "/marked"}}}: true,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace + "-unmarked", Labels: labels}}: false,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace + "-others", Labels: labels,
			Annotations: map[string]string{kubebindv1alpha2.APIServiceNamespaceAnnotation: p.Namespace + "x/others"}}}: false,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace + "-labelled", Labels: labels}}: true,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace + "-unlabelled"}}:               false,
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace, Labels: labels},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "x"}}: true,
	}
	lent := newNamespace(t, "lent-"+p.Namespace, map[string]string{kubebindv1alpha2.AllowAdoptionAnnotation: p.Namespace})
	secret := func(name, owner, contract string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: lent.Name, Name: name,
			Labels:      map[string]string{kubebindv1alpha2.OwnerLabel: owner},
			Annotations: map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: contract}}}
	}
	objects[secret("copied", kubebindv1alpha2.OwnerConsumer, p.Namespace)] = true
	objects[secret("providers", kubebindv1alpha2.OwnerProvider, p.Namespace)] = false
	objects[secret("of-another", kubebindv1alpha2.OwnerConsumer, p.Namespace+"x")] = false
	for obj := range objects {
		if err := world.Admin.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	err = patiently(t, func(ctx context.Context) error {
		return world.Provider.Remove(ctx, providers.Place{Cluster: kube.Cluster, Namespace: p.Namespace})
	})
	if err != nil {
		t.Fatal(err)
	}
	for obj, gone := range objects {
		err := world.Admin.Get(t.Context(), client.ObjectKeyFromObject(obj), obj)
		if apierrors.IsNotFound(err) != gone {
			t.Errorf("%T %s: %v", obj, obj.GetName(), err)
		}
	}
}

func TestRemoveForeign(t *testing.T) {
	for _, name := range []string{"kube-system", newNamespace(t, "somebodys", nil).Name} {
		err := world.Provider.Remove(t.Context(), providers.Place{Cluster: kube.Cluster, Namespace: name})
		if _, ok := errors.AsType[*providers.ForeignError](err); !ok {
			t.Errorf("%s: got %v", name, err)
		}
		ns := &corev1.Namespace{}
		if err := world.Admin.Get(t.Context(), client.ObjectKey{Name: name}, ns); err != nil || !ns.DeletionTimestamp.IsZero() {
			t.Errorf("%s: %v, deleted %v", name, err, ns.DeletionTimestamp)
		}
	}
}
