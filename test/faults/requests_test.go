// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// A consumer asks, with its own credential, for what it cannot have: the request fails with a reason, and a binding of
// that name repeats it. SEC-5: only what a granted template offers can be had.
func TestWrongRequestsFailWithAReason(t *testing.T) {
	t.Parallel()
	config, err := clientcmd.RESTConfigFromKubeConfig(world.place.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	asConsumer, err := pair.Client(config)
	if err != nil {
		t.Fatal(err)
	}
	resource := func(group, name string, versions ...string) kubebindv1alpha2.ExportedResource {
		return kubebindv1alpha2.ExportedResource{GroupResource: kubebindv1alpha2.GroupResource{Group: group, Resource: name}, Versions: versions}
	}
	for _, tc := range []struct {
		name     string
		resource kubebindv1alpha2.ExportedResource
		says     string
	}{
		{"unknown-version", resource("wildwest.dev", "cowboys", "v9"), "v9"},
		{"not-granted", resource("wildwest.dev", "sheriffs", "v1alpha1"), "sheriffs"},
		{"unknown-resource", resource("nowhere.example.org", "things", "v1"), "things"},
		{"built-in", resource("", "secrets", "v1"), "secrets"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			request := &kubebindv1alpha2.APIServiceExportRequest{
				ObjectMeta: metav1.ObjectMeta{Namespace: world.place.Namespace, Name: tc.name},
				Spec:       kubebindv1alpha2.APIServiceExportRequestSpec{Resources: []kubebindv1alpha2.ExportedResource{tc.resource}},
			}
			if err := asConsumer.Create(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			expect.Eventually(t, "the request should fail", func(ctx context.Context) error {
				if err := asConsumer.Get(ctx, keyOf(request), request); err != nil {
					return err
				}
				ready := kubebindv1alpha2.FindCondition(request.Status.Conditions, kubebindv1alpha2.ConditionReady)
				if request.Status.Phase != kubebindv1alpha2.PhaseFailed || ready == nil || ready.Reason != kubebindv1alpha2.ReasonNotOffered {
					return fmt.Errorf("it has %+v", request.Status)
				}
				return nil
			})
			if !strings.Contains(request.Status.TerminalMessage, tc.says) {
				t.Errorf("the request says %q, not a word of %s", request.Status.TerminalMessage, tc.says)
			}
			expect.Event(t, world.Provider, request, kubebindv1alpha2.ReasonNotOffered)
			if err := world.CreateBinding(t.Context(), tc.name, "cowboys"); err != nil {
				t.Fatal(err)
			}
			b := bindingHas(t, tc.name, kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonAPIServiceExportFailed)
			if message := kubebindv1alpha2.FindCondition(b.Status.Conditions, kubebindv1alpha2.ConditionConnected).Message; !strings.Contains(message, request.Status.TerminalMessage) {
				t.Errorf("the binding says %q", message)
			}
		})
	}
}

// A template may offer what the provider's CRDs cannot give: its conditions say so, and so does a request for it. It
// goes on by itself when the CRD is mended.
func TestInvalidSourceIsReportedAndHeals(t *testing.T) {
	t.Parallel()
	const name = "steers.wildwest.dev"
	manifest := func(versions, conversion string) []byte {
		return fmt.Appendf(nil, `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%s","labels":{"kube-bind.io/exported":"true"}},
			"spec":{"group":"wildwest.dev","scope":"Namespaced","names":{"plural":"steers","singular":"steer","kind":"Steer","listKind":"SteerList"},"versions":[%s],"conversion":%s}}`,
			name, versions, conversion)
	}
	const version = `{"name":"%s","served":true,"storage":%t,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"intent":{"type":"string"}}}}}}}`
	// A CRD with a webhook is offered in its storage version, and this one is not served.
	two := strings.Replace(fmt.Sprintf(version, "v1", true), `"served":true`, `"served":false`, 1) + "," + fmt.Sprintf(version, "v2", false)
	webhook := `{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"service":{"namespace":"default","name":"convert"}}}}`
	if err := world.Provider.ApplyYAML(t.Context(), manifest(two, webhook)); err != nil {
		t.Fatal(err)
	}
	template := &kubebindv1alpha2.APIServiceExportTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: kubebindv1alpha2.APIServiceExportTemplateSpec{
			Scope:     kubebindv1alpha2.NamespacedScope,
			Resources: []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "steers"}}},
		},
	}
	expect.Create(t, world.Provider, template)
	expect.Eventually(t, "the template should say what is wrong", func(ctx context.Context) error {
		if err := world.Provider.Client.Get(ctx, keyOf(template), template); err != nil {
			return err
		}
		c := kubebindv1alpha2.FindCondition(template.Status.Conditions, kubebindv1alpha2.ConditionReady)
		if c == nil || c.Reason != kubebindv1alpha2.ReasonSchemaInvalid || !strings.Contains(c.Message, "webhook") {
			return fmt.Errorf("it says %+v", c)
		}
		return nil
	})
	identity, err := world.Consumer.ClusterUID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request, err := world.CreateRequest(t.Context(), name, name, identity)
	if err != nil {
		t.Fatal(err)
	}
	answered := func(phase kubebindv1alpha2.Phase, says string) {
		t.Helper()
		expect.Eventually(t, "the request should be "+string(phase), func(ctx context.Context) error {
			if err := world.Provider.Client.Get(ctx, keyOf(request), request); err != nil {
				return err
			}
			if request.Status.Phase != phase || !strings.Contains(fmt.Sprint(request.Status.Conditions), says) {
				return fmt.Errorf("it is %+v", request.Status)
			}
			return nil
		})
	}
	answered(kubebindv1alpha2.PhasePending, kubebindv1alpha2.ReasonSchemaInvalid)
	if err := world.Provider.ApplyYAML(t.Context(), manifest(fmt.Sprintf(version, "v1", true), `{"strategy":"None"}`)); err != nil {
		t.Fatal(err)
	}
	answered(kubebindv1alpha2.PhaseSucceeded, kubebindv1alpha2.ReasonSecretReady)
}
