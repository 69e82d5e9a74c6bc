// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/deploy/install"
)

// place is the consumer's namespace at the provider.
const place = "kube-bind-place"

// stage is a real API server, which is consumer and provider at once, with a front door before it. Backend and konnector are
// played, so that they can be slow, or not there.
type stage struct {
	*terminal
	plane  *controlplane.ControlPlane
	client client.Client
	door   string
	asked  atomic.Int64

	// answers says that the backend answers requests, runs that Pods of the konnector get ready, binds that the konnector binds,
	// and unbinds that it lets go.
	answers, runs, binds, unbinds atomic.Bool
}

// newStage starts it.
func newStage(t *testing.T) *stage {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{Name: "cli"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := &stage{plane: plane}
	if s.client, err = newClient(plane.Config(), "test"); err != nil {
		t.Fatal(err)
	}
	s.install(t)
	s.door = door(t, s.routes(t)).URL
	s.terminal = newTerminal(t, s.door)
	s.kubeconfig = plane.KubeconfigFile()
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan struct{})
	go func() {
		defer close(played)
		wait.UntilWithContext(ctx, s.play, 50*time.Millisecond)
	}()
	t.Cleanup(func() { cancel(); <-played })
	return s
}

// install makes the CRDs of both sides, the example API, and the place.
func (s *stage) install(t *testing.T) {
	t.Helper()
	provider, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := crds.Consumer()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join("..", "deploy", "examples", "crd-cowboys.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cowboys := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(raw, cowboys); err != nil {
		t.Fatal(err)
	}
	if err := crds.Install(t.Context(), s.client, append(append(provider, consumer...), cowboys)); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place}}); err != nil {
		t.Fatal(err)
	}
	cluster := &kubebindv1alpha2.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: kubebindv1alpha2.ClusterBindingName}}
	cluster.Spec.ProviderPrettyName = "BigCorp"
	cluster.Spec.KubeconfigSecretRef = kubebindv1alpha2.LocalSecretKeyRef{Name: "kubeconfig", Key: "kubeconfig"}
	if err := s.client.Create(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
	cluster.Status.LastHeartbeatTime, cluster.Status.HeartbeatInterval = ptr.To(metav1.Now()), &metav1.Duration{Duration: time.Hour}
	if err := s.client.Status().Update(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
}

// kubeconfigOf is the credential for the place.
func (s *stage) placeKubeconfig() ([]byte, error) {
	config, err := clientcmd.Load(s.plane.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.Contexts[config.CurrentContext].Namespace = place
	return clientcmd.Write(*config)
}

// offered is the template that there is.
func offered() kubebindv1alpha2.APIServiceExportTemplate {
	out := kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{Name: "cowboys", CreationTimestamp: metav1.Now()}}
	out.Spec.Description = "Riders,\nby the hour"
	out.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}}}
	out.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{
		GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"},
		Selector:      kubebindv1alpha2.Selector{LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "cowboy"}}},
	}}
	return out
}

// response is the server's answer to a bind of a name.
func (s *stage) response(name string, change func(*kubebindv1alpha2.APIServiceExportRequestSpec)) (*kubebindv1alpha2.BindingResourceResponse, error) {
	raw, err := s.placeKubeconfig()
	if err != nil {
		return nil, err
	}
	template := offered()
	request := kubebindv1alpha2.APIServiceExportRequest{TypeMeta: typeMeta("APIServiceExportRequest")}
	request.Name = name
	request.Spec.Resources, request.Spec.PermissionClaims = template.Spec.Resources, template.Spec.PermissionClaims
	if change != nil {
		change(&request.Spec)
	}
	encoded, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return &kubebindv1alpha2.BindingResourceResponse{
		TypeMeta: typeMeta("BindingResourceResponse"), Kubeconfig: raw, Requests: []runtime.RawExtension{{Raw: encoded}},
	}, nil
}

// routes are the front door. A binding called greedy claims more than its template has.
func (s *stage) routes(t *testing.T) map[string]any {
	t.Helper()
	collection := kubebindv1alpha2.Collection{ObjectMeta: metav1.ObjectMeta{Name: "west", CreationTimestamp: metav1.Now()}}
	collection.Spec.Description = "All of the west"
	return map[string]any{
		"GET /api/exports":     map[string]any{"version": "v9.9.9", "providerPrettyName": "BigCorp"},
		"GET /api/templates":   kubebindv1alpha2.APIServiceExportTemplateList{Items: []kubebindv1alpha2.APIServiceExportTemplate{offered()}},
		"GET /api/collections": kubebindv1alpha2.CollectionList{Items: []kubebindv1alpha2.Collection{collection}},
		"POST /api/bind": func(w http.ResponseWriter, r *http.Request) {
			s.asked.Add(1)
			request := kubebindv1alpha2.BindableResourcesRequest{}
			if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
				t.Error(err)
			}
			out, err := s.response(request.Name, func(spec *kubebindv1alpha2.APIServiceExportRequestSpec) {
				if request.Name == "greedy" {
					spec.PermissionClaims[0].Selector.LabelSelector = &metav1.LabelSelector{}
				}
			})
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(out)
		},
	}
}

// play does one turn of backend and konnector. What fails is done in the next.
func (s *stage) play(ctx context.Context) {
	requests := &kubebindv1alpha2.APIServiceExportRequestList{}
	if err := s.client.List(ctx, requests); err == nil && s.answers.Load() {
		for i := range requests.Items {
			if r := &requests.Items[i]; r.Status.Phase != kubebindv1alpha2.PhaseSucceeded {
				r.Status.Phase = kubebindv1alpha2.PhaseSucceeded
				_ = s.client.Status().Update(ctx, r)
			}
		}
	}
	deployment := &appsv1.Deployment{}
	if err := s.client.Get(ctx, install.KonnectorKey(), deployment); err == nil && s.runs.Load() && deployment.Status.ObservedGeneration < deployment.Generation {
		deployment.Status = appsv1.DeploymentStatus{ObservedGeneration: deployment.Generation, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2}
		_ = s.client.Status().Update(ctx, deployment)
	}
	bindings := &kubebindv1alpha2.APIServiceBindingList{}
	if err := s.client.List(ctx, bindings); err == nil {
		for i := range bindings.Items {
			s.playBinding(ctx, &bindings.Items[i])
		}
	}
}

func (s *stage) playBinding(ctx context.Context, b *kubebindv1alpha2.APIServiceBinding) {
	switch {
	case !b.DeletionTimestamp.IsZero() && s.unbinds.Load():
		if controllerutil.RemoveFinalizer(b, kubebindv1alpha2.BindingFinalizer) {
			_ = s.client.Update(ctx, b)
		}
	case !b.DeletionTimestamp.IsZero():
		kubebindv1alpha2.SetCondition(&b.Status.Conditions, kubebindv1alpha2.Condition{
			Type: kubebindv1alpha2.ConditionDraining, Status: metav1.ConditionTrue, Reason: kubebindv1alpha2.ReasonUnbinding, Message: "Left to go: 3 cowboys.",
		})
		_ = s.client.Status().Update(ctx, b)
	case s.binds.Load() && len(b.Status.Conditions) == 0:
		if controllerutil.AddFinalizer(b, kubebindv1alpha2.BindingFinalizer) {
			_ = s.client.Update(ctx, b)
			return
		}
		b.Status.ProviderPrettyName = "BigCorp"
		b.Status.BoundSchemas = []kubebindv1alpha2.BoundSchemaReference{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}}}
		kubebindv1alpha2.SetCondition(&b.Status.Conditions, kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionReady))
		_ = s.client.Status().Update(ctx, b)
	}
}

// plays says what backend and konnector do.
func (s *stage) plays(answers, runs, binds, unbinds bool) {
	s.answers.Store(answers)
	s.runs.Store(runs)
	s.binds.Store(binds)
	s.unbinds.Store(unbinds)
}

// clear takes away what a test has left in the cluster.
func (s *stage) clear(t *testing.T) {
	t.Helper()
	s.plays(false, false, false, true)
	requests, bindings := &kubebindv1alpha2.APIServiceExportRequestList{}, &kubebindv1alpha2.APIServiceBindingList{}
	for _, list := range []client.ObjectList{requests, bindings} {
		if err := s.client.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	var all []client.Object
	for i := range requests.Items {
		all = append(all, &requests.Items[i])
	}
	for i := range bindings.Items {
		all = append(all, &bindings.Items[i])
	}
	for _, object := range all {
		if err := s.client.Delete(t.Context(), object); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		if err := s.client.List(ctx, bindings); err != nil {
			return false, err
		}
		return len(bindings.Items) == 0, nil
	})
	if err != nil {
		t.Fatalf("bindings are left: %v", err)
	}
}

// has tells whether an object is there.
func (s *stage) has(t *testing.T, object client.Object, namespace, name string) bool {
	t.Helper()
	err := s.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return err == nil
}
