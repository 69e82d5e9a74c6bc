// SPDX-License-Identifier: Apache-2.0

package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// timeout is how long a place may take to come or to go.
const timeout = time.Minute

// pause is how long to wait before looking again.
const pause = 50 * time.Millisecond

// World is a provider under test. Its cluster runs, and serves kube-bind's CRDs.
type World struct {
	Provider providers.Provider
	// Cluster is the logical cluster to place consumers in.
	Cluster multicluster.ClusterName
	// Admin may do everything in that cluster, and reads from the server.
	Admin client.Client
	// AdminIn returns such a client for the logical cluster that a place lies in. nil if that is always Cluster.
	AdminIn func(t *testing.T, cluster multicluster.ClusterName) client.Client
	// Scheme of all kinds.
	Scheme *runtime.Scheme
	// Lifetime is how long a credential is good. 0 is for ever.
	Lifetime time.Duration
	// Later puts the provider's clock forward, but not that of the API server. nil if credentials do not expire.
	Later func(time.Duration)
}

// Run tests a provider. newWorld is called once for each test; worlds may share a control plane, as the tests use
// identities that no other one uses.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	run(t, newWorld, map[string]func(*testing.T, World){
		"PlaceIsComplete":           testComplete,
		"PlaceIsIdempotent":         testIdempotent,
		"ConcurrentCallsAgree":      testConcurrent,
		"IdentityBelongsToItsFirst": testIdentityTaken,
		"ConsumerNeedsIdentity":     testInvalid,
		"UnknownCluster":            testUnknownCluster,
		"CredentialIsFenced":        testFenced,
		"RepairPutsBack":            testRepair,
		"RepairMakesNoPlace":        testRepairNothing,
		"DeletedAccountIsRevoked":   testRevokeAccount,
		"RemoveTakesAway":           testRemove,
	})
}

// RunStatic tests a provider whose credentials do not expire, in addition to Run.
func RunStatic(t *testing.T, newWorld func(t *testing.T) World) {
	run(t, newWorld, map[string]func(*testing.T, World){
		"CredentialStays":       testStatic,
		"DeletedTokenIsRevoked": testRevokeToken,
	})
}

// RunExpiring tests a provider whose credentials expire, in addition to Run. Its worlds have a Lifetime and a clock.
func RunExpiring(t *testing.T, newWorld func(t *testing.T) World) {
	run(t, newWorld, map[string]func(*testing.T, World){
		"CredentialExpires":           testExpires,
		"CredentialIsRenewed":         testRenewed,
		"ConcurrentRenewalsAgree":     testConcurrentRenewals,
		"DamagedCredentialIsReplaced": testDamaged,
	})
}

func run(t *testing.T, newWorld func(t *testing.T) World, tests map[string]func(*testing.T, World)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t)) })
	}
}

// person returns a consumer that is this test's alone.
func person(t *testing.T, name string) providers.Consumer {
	return providers.Consumer{Identity: t.Name() + "/" + name, Requester: "tenant", Author: "author", PrettyName: "pretty"}
}

// place asks for a place as often as the provider says that it is not ready.
func (w World) place(t *testing.T, c providers.Consumer) *providers.Place {
	t.Helper()
	var out *providers.Place
	w.until(t, "a place", func(ctx context.Context) error {
		var err error
		out, err = w.Provider.Place(ctx, w.Cluster, c)
		return err
	})
	return out
}

// admin returns a client for the logical cluster of a place.
func (w World) admin(t *testing.T, p *providers.Place) client.Client {
	t.Helper()
	if p.Cluster == w.Cluster {
		return w.Admin
	}
	return w.AdminIn(t, p.Cluster)
}

func (w World) until(t *testing.T, what string, call func(ctx context.Context) error) {
	t.Helper()
	if err := patiently(t.Context(), call); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// patiently repeats a call that is not ready.
func patiently(ctx context.Context, call func(ctx context.Context) error) error {
	var last *providers.NotReadyError
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		err := call(ctx)
		if notReady, ok := errors.AsType[*providers.NotReadyError](err); ok {
			if notReady.RetryAfter <= 0 {
				return false, errors.New("a NotReadyError does not say when to try again")
			}
			last = notReady
			return false, nil
		}
		return err == nil, err
	})
	if wait.Interrupted(err) && last != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return err
}

// as returns a client with the credential of a place.
func (w World) as(t *testing.T, kubeconfig []byte) client.Client {
	t.Helper()
	cfg, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatalf("reading the kubeconfig: %v", err)
	}
	cfg.QPS = -1
	c, err := client.New(cfg, client.Options{Scheme: w.Scheme})
	if err != nil {
		t.Fatalf("using the kubeconfig: %v", err)
	}
	return c
}

func testComplete(t *testing.T, w World) {
	consumer := person(t, "a")
	p := w.place(t, consumer)
	if p.Namespace == "" {
		t.Errorf("the place is %+v", p)
	}
	if host, err := w.Provider.Host(t.Context(), p.Cluster); err != nil || host != w.Cluster {
		t.Errorf("the host of the place is %q (%v), want %q", host, err, w.Cluster)
	}
	if guests := w.Provider.Guests(w.Cluster); !slices.Contains(guests, p.Cluster) || guests[0] != w.Cluster {
		t.Errorf("the guests are %v, and %q is not among them", guests, p.Cluster)
	}
	cfg, err := clientcmd.NewClientConfigFromBytes(p.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if ns, _, err := cfg.Namespace(); err != nil || ns != p.Namespace {
		t.Errorf("the kubeconfig is for namespace %q (%v), want %q", ns, err, p.Namespace)
	}
	// What a konnector starts with is readable for the consumer.
	c := w.as(t, p.Kubeconfig)
	binding := &kubebindv1alpha2.ClusterBinding{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: p.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, binding); err != nil {
		t.Fatalf("reading the ClusterBinding: %v", err)
	}
	for key, want := range map[string]string{
		kubebindv1alpha2.IdentityAnnotation: consumer.Identity, kubebindv1alpha2.AuthorAnnotation: consumer.Author,
		kubebindv1alpha2.ClusterPrettyNameAnnotation: consumer.PrettyName,
	} {
		if got := binding.Annotations[key]; got != want {
			t.Errorf("annotation %s is %q, want %q", key, got, want)
		}
	}
	if binding.Spec.KubeconfigSecretRef != p.KubeconfigSecret {
		t.Errorf("the ClusterBinding names %v, the place %v", binding.Spec.KubeconfigSecretRef, p.KubeconfigSecret)
	}
	secret := &corev1.Secret{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: p.Namespace, Name: p.KubeconfigSecret.Name}, secret); err != nil {
		t.Fatalf("reading the kubeconfig Secret: %v", err)
	}
	if !bytes.Equal(secret.Data[p.KubeconfigSecret.Key], p.Kubeconfig) {
		t.Error("the Secret holds another kubeconfig than the place")
	}
}

func testIdempotent(t *testing.T, w World) {
	first := w.place(t, person(t, "a"))
	again := person(t, "a")
	again.Author, again.PrettyName = "somebody else", "other"
	second := w.place(t, again)
	if first.Cluster != second.Cluster || first.Namespace != second.Namespace || !bytes.Equal(first.Kubeconfig, second.Kubeconfig) {
		t.Error("the second call made another place or credential")
	}
	if other := w.place(t, person(t, "b")); other.Namespace == first.Namespace {
		t.Error("two identities have the same place")
	}
}

// W29.
func testConcurrent(t *testing.T, w World) {
	w.agree(t, func(ctx context.Context) (*providers.Place, error) {
		return w.Provider.Place(ctx, w.Cluster, person(t, "a"))
	})
}

// agree wants several callers at the same time to get the same credential, which it returns.
func (w World) agree(t *testing.T, call func(ctx context.Context) (*providers.Place, error)) []byte {
	t.Helper()
	const callers = 8
	var (
		group  sync.WaitGroup
		places [callers]*providers.Place
		errs   [callers]error
	)
	for i := range callers {
		group.Go(func() {
			errs[i] = patiently(t.Context(), func(ctx context.Context) error {
				var err error
				places[i], err = call(ctx)
				return err
			})
		})
	}
	group.Wait()
	for i := range callers {
		if errs[i] != nil {
			t.Fatalf("caller %d: %v", i, errs[i])
		}
		if !bytes.Equal(places[i].Kubeconfig, places[0].Kubeconfig) {
			t.Errorf("caller %d has got another credential", i)
		}
	}
	return places[0].Kubeconfig
}

// W13.
func testIdentityTaken(t *testing.T, w World) {
	consumer := person(t, "a")
	first := w.place(t, consumer)
	consumer.Requester = "another tenant"
	p, err := w.Provider.Place(t.Context(), w.Cluster, consumer)
	if taken, ok := errors.AsType[*providers.IdentityTakenError](err); !ok || taken.Identity != consumer.Identity || p != nil {
		t.Errorf("got %v, %v", p, err)
	}
	if bytes.Contains([]byte(fmt.Sprint(err)), []byte("tenant\"")) {
		t.Errorf("the error tells whose it is: %v", err)
	}
	if again := w.place(t, person(t, "a")); again.Namespace != first.Namespace {
		t.Error("the place was lost to another requester")
	}
}

func testInvalid(t *testing.T, w World) {
	for name, mod := range map[string]func(*providers.Consumer){
		"no identity":  func(c *providers.Consumer) { c.Identity = "" },
		"no requester": func(c *providers.Consumer) { c.Requester = "" },
	} {
		consumer := person(t, name)
		mod(&consumer)
		_, err := w.Provider.Place(t.Context(), w.Cluster, consumer)
		if _, ok := errors.AsType[*providers.InvalidConsumerError](err); !ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func testUnknownCluster(t *testing.T, w World) {
	const unknown = multicluster.ClusterName("there is none of this name")
	_, placing := w.Provider.Place(t.Context(), unknown, person(t, "a"))
	_, repairing := w.Provider.Repair(t.Context(), providers.Place{Cluster: unknown, Namespace: "x"})
	removing := w.Provider.Remove(t.Context(), providers.Place{Cluster: unknown, Namespace: "x"})
	for what, err := range map[string]error{"Place": placing, "Repair": repairing, "Remove": removing} {
		if !errors.Is(err, multicluster.ErrClusterNotFound) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func testRepairNothing(t *testing.T, w World) {
	place := providers.Place{Cluster: w.Cluster, Namespace: "no-such-place"}
	if _, err := w.Provider.Repair(t.Context(), place); !apierrors.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	if err := w.Provider.Remove(t.Context(), place); err != nil {
		t.Errorf("removing nothing: %v", err)
	}
}
