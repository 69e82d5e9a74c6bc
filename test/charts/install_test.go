// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/crds"
)

// installCRDs makes the CRDs of others whose objects the charts have.
func installCRDs(t *testing.T) {
	t.Helper()
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, file := range []string{
		"testdata/servicemonitors.yaml", "testdata/gateways.yaml",
		"../e2e/testdata/crds/httproutes.gateway.networking.k8s.io.yaml", "../e2e/testdata/crds/certificates.cert-manager.io.yaml",
	} {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal([]byte(read(t, filepath.FromSlash(file))), crd); err != nil {
			t.Fatal(err)
		}
		all = append(all, crd)
	}
	if err := crds.Install(t.Context(), shared.Client, all); err != nil {
		t.Fatal(err)
	}
}

// Whatever an example has, the API server takes all of it as it is, and the Pods of its Deployment.
func TestExamplesAreAdmitted(t *testing.T) {
	installCRDs(t)
	dry := client.WithFieldValidation(client.NewDryRunClient(shared.Client), metav1.FieldValidationStrict)
	for _, chart := range []string{Backend, Konnector} {
		for name, values := range examples(t, chart) {
			t.Run(chart+" "+name, func(t *testing.T) {
				made := rendered(t, chart, values)
				for _, object := range made.Objects {
					if err := dry.Create(t.Context(), object.DeepCopy()); err != nil {
						t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
					}
				}
				deployment, err := made.Deployment()
				if err != nil {
					t.Fatal(err)
				}
				template := deployment.Spec.Template
				account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: restricted, Name: template.Spec.ServiceAccountName}}
				if err := shared.Client.Create(t.Context(), account); client.IgnoreAlreadyExists(err) != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := shared.Client.Delete(context.WithoutCancel(t.Context()), account); err != nil {
						t.Error(err)
					}
				}()
				pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
				pod.Namespace, pod.Name = restricted, "example"
				if err := dry.Create(t.Context(), pod); err != nil {
					t.Errorf("a Pod: %v", err)
				}
				for _, c := range pod.Spec.Containers {
					if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem || c.StartupProbe == nil || c.LivenessProbe == nil || c.ReadinessProbe == nil {
						t.Errorf("the container is %+v", c)
					}
				}
			})
		}
	}
}

// runningPods are the Pods of a release, once there are as many as wanted and all are ready.
func runningPods(t *testing.T, deployment string, want int) []corev1.Pod {
	t.Helper()
	var out []corev1.Pod
	err := wait.PollUntilContextTimeout(t.Context(), poll, timeout, true, func(ctx context.Context) (bool, error) {
		pods := &corev1.PodList{}
		if err := shared.Client.List(ctx, pods, client.InNamespace(restricted)); err != nil {
			return false, err
		}
		out = slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool {
			return !strings.HasPrefix(p.Name, deployment+"-") || p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning
		})
		return len(out) == want, nil
	})
	if err != nil {
		t.Fatalf("%d Pods of %s run: %v", len(out), deployment, err)
	}
	return out
}

// Both charts are installed without any value, upgraded and uninstalled, as Helm does it, where Pods must be as careful as can be. What is
// the users' stays: kube-bind's APIs, their objects, and the keys of sessions.
func TestLifeOfReleases(t *testing.T) {
	for _, list := range []func() ([]*apiextensionsv1.CustomResourceDefinition, error){crds.Provider, crds.Consumer} {
		own, err := list()
		if err != nil {
			t.Fatal(err)
		}
		if err := crds.Install(t.Context(), shared.Client, own); err != nil {
			t.Fatal(err)
		}
	}
	template := &kubebindv1alpha2.APIServiceExportTemplate{ObjectMeta: metav1.ObjectMeta{Name: "users"}}
	template.Spec.Scope = kubebindv1alpha2.NamespacedScope
	template.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}}}
	keys := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: restricted, Name: "kube-bind-session-keys"}}
	for _, o := range []client.Object{template, keys} {
		if err := shared.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for chart, tc := range map[string]struct {
		deployment, changed, arg string
	}{
		Backend:   {"kube-bind-backend", "backend: {prettyName: Example Inc.}", "--pretty-name=Example Inc."},
		Konnector: {"konnector", "konnector: {workers: 20}", "--workers=20"},
	} {
		t.Run(chart, func(t *testing.T) {
			r := releaseOf(chart, nil)
			r.Wait, r.Name = true, chart
			if chart == Backend {
				r.Name = "kube-bind"
			}
			made, err := r.Install(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			runningPods(t, tc.deployment, 2)
			if made.Notes == "" {
				t.Error("there are no notes")
			}
			second := *r
			if second.Name = r.Name + "-2"; chart == Konnector {
				if _, err := second.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "ownership") {
					t.Errorf("a second konnector: %v", err)
				}
			}
			r.Values = values(t, tc.changed)
			if _, err := r.Upgrade(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, pod := range runningPods(t, tc.deployment, 2) {
				if !slices.Contains(pod.Spec.Containers[0].Args, tc.arg) {
					t.Errorf("after the upgrade the Pod %s has the arguments %q", pod.Name, pod.Spec.Containers[0].Args)
				}
			}
			if err := r.Uninstall(); err != nil {
				t.Fatal(err)
			}
			for _, object := range made.Objects {
				err := wait.PollUntilContextTimeout(t.Context(), poll, timeout, true, func(context.Context) (bool, error) {
					left := &unstructured.Unstructured{}
					left.SetGroupVersionKind(object.GroupVersionKind())
					left.SetNamespace(object.GetNamespace())
					left.SetName(object.GetName())
					return !exists(t, left), nil
				})
				if err != nil {
					t.Errorf("%s %s stays: %v", object.GetKind(), object.GetName(), err)
				}
			}
		})
	}
	for _, o := range []client.Object{template, keys} {
		if !exists(t, o) {
			t.Errorf("%s is gone", o.GetName())
		}
	}
	groups, err := discovery.NewDiscoveryClientForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := groups.ServerResourcesForGroupVersion(kubebindv1alpha2.GroupVersion.String()); err != nil {
		t.Errorf("kube-bind's APIs: %v", err)
	}
}
