// SPDX-License-Identifier: Apache-2.0

package enclosure

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func secretWith(text string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "kube-bind", Name: "bigcorp", Labels: map[string]string{kubebindv1alpha2.ProviderKubeconfigLabel: "true"},
		Annotations: map[string]string{kubebindv1alpha2.BindingsAnnotation: text},
	}}
}

func TestPending(t *testing.T) {
	s := secretWith("- metadata: {name: a}")
	note, wanted := pending(s)
	if !wanted || note == "" {
		t.Fatal("what a Secret encloses is not made")
	}
	s.Annotations[kubebindv1alpha2.BindingsMadeAnnotation] = note
	if _, wanted := pending(s); wanted {
		t.Error("what was made is made again")
	}
	s.Annotations[kubebindv1alpha2.BindingsAnnotation] += "\n- metadata: {name: b}"
	if _, wanted := pending(s); !wanted {
		t.Error("what was added is not made")
	}
	for name, change := range map[string]func(*corev1.Secret){
		"no label":          func(s *corev1.Secret) { s.Labels = nil },
		"no annotation":     func(s *corev1.Secret) { s.Annotations = nil },
		"on its way out":    func(s *corev1.Secret) { s.DeletionTimestamp = &metav1.Time{} },
		"nothing in it":     func(s *corev1.Secret) { s.Annotations[kubebindv1alpha2.BindingsAnnotation] = "" },
		"label, but \"no\"": func(s *corev1.Secret) { s.Labels[kubebindv1alpha2.ProviderKubeconfigLabel] = "no" },
	} {
		s := secretWith("- metadata: {name: a}")
		if change(s); name == "on its way out" {
			now := metav1.Now()
			s.DeletionTimestamp = &now
		}
		if _, wanted := pending(s); wanted {
			t.Errorf("%s: it is wanted", name)
		}
	}
}

func TestEnclosed(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		names string
		err   string
	}{
		"one":             {text: "- metadata: {name: a}", names: "a"},
		"whole manifests": {text: "- {apiVersion: kube-bind.io/v1alpha2, kind: APIServiceBinding, metadata: {name: a}, spec: {exportName: x}}\n- metadata: {name: b}", names: "a b"},
		"another Secret":  {text: "- {metadata: {name: a}, spec: {kubeconfigSecretRef: {namespace: other, name: other, key: config}}}", names: "a"},
		"no list":         {text: "metadata: {name: a}", err: "no list"},
		"a typing error":  {text: "- {metadata: {name: a}, spec: {exportname: x, exprtName: y}}", err: "no list"},
		"no name":         {text: "- metadata: {}", err: "no metadata.name"},
		"twice":           {text: "- metadata: {name: a}\n- metadata: {name: a}", err: "two bindings a"},
		"too many":        {text: strings.Repeat("- metadata: {name: a}\n", maxBindings+1), err: "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := enclosed(secretWith(tc.text))
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("got %v", err)
			}
			var names []string
			for _, b := range got {
				names = append(names, b.Name)
				if ref := b.Spec.KubeconfigSecretRef; ref.Namespace != "kube-bind" || ref.Name != "bigcorp" || ref.Key == "" {
					t.Errorf("%s uses %+v", b.Name, ref)
				}
			}
			if strings.Join(names, " ") != tc.names {
				t.Errorf("got %v", names)
			}
		})
	}
}
