// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// noChanges forbids changes of the CRD, as invalid ones, which is what a policy says by default.
const noChanges = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-changes}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [apiextensions.k8s.io], apiVersions: ["*"], resources: [customresourcedefinitions], resourceNames: [widgets.wildwest.dev], operations: [UPDATE]}
  validations:
  - {expression: "false", message: not on a Friday}
`

const noChangesBinding = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-changes}
spec: {policyName: no-changes, validationActions: [Deny]}
`

// byWebhook lets a CRD convert between versions by a webhook that nobody can call.
func byWebhook(crd *apiextensionsv1.CustomResourceDefinition) {
	crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{
		Strategy: apiextensionsv1.WebhookConverter,
		Webhook: &apiextensionsv1.WebhookConversion{
			ClientConfig:             &apiextensionsv1.WebhookClientConfig{URL: ptr.To("https://convert.example.org")},
			ConversionReviewVersions: []string{"v1"},
		},
	}
}

// exportSays waits until the export of widgets has a condition with a text in its message; empty: without any message.
func exportSays(t *testing.T, c claimable, conditionType string, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	expect.Eventually(t, "the export should say "+conditionType+" "+message, func(ctx context.Context) error {
		export := &kubebindv1alpha2.APIServiceExport{}
		if err := c.Provider.Client.Get(ctx, client.ObjectKey{Namespace: c.place.Namespace, Name: widgets}, export); err != nil {
			return err
		}
		is := kubebindv1alpha2.FindCondition(export.Status.Conditions, conditionType)
		if is == nil || is.Status != status || is.Reason != reason || !strings.Contains(is.Message, message) || (message == "") != (is.Message == "") {
			return fmt.Errorf("it says %+v", is)
		}
		return nil
	})
}

// W15: a CRD with a conversion webhook is offered in its storage version only, without the webhook; template and export
// say so, and stop saying so when the webhook goes.
func TestSEC15SchemaOfWebhookCRD(t *testing.T) {
	t.Parallel()
	p := start(t, "--consumer-scope=cluster")
	offerWidgets(t, p, kubebindv1alpha2.SchemaUpdateAlways)
	const notice = "widgets.wildwest.dev is offered in its storage version v1 only: it converts between versions by a webhook"
	changeCRD(t, p.Provider, addVersion("v1beta1"))
	changeCRD(t, p.Provider, byWebhook)
	expect.Eventually(t, "the template should say what is offered", func(ctx context.Context) error {
		template := &kubebindv1alpha2.APIServiceExportTemplate{}
		if err := p.Provider.Client.Get(ctx, client.ObjectKey{Name: widgets}, template); err != nil {
			return err
		}
		is := kubebindv1alpha2.FindCondition(template.Status.Conditions, kubebindv1alpha2.ConditionResourcesFound)
		if is == nil || is.Status != metav1.ConditionTrue || !strings.Contains(is.Message, notice) {
			return fmt.Errorf("it says %+v", is)
		}
		return nil
	})
	c := claimable{Pair: p, place: bind(t, p, widgets)}
	exportSays(t, c, kubebindv1alpha2.ConditionProviderInSync, metav1.ConditionTrue, "", notice)
	crdBecomes(t, p, "the storage version alone, and no webhook", func(crd *apiextensionsv1.CustomResourceDefinition) bool {
		return len(crd.Spec.Versions) == 1 && crd.Spec.Versions[0].Name == "v1" && crd.Spec.Conversion.Strategy == apiextensionsv1.NoneConverter
	})
	expect.Namespace(t, p.Consumer, "team")
	expect.Create(t, p.Consumer, widget("team", "one"))
	syncs(t, c, "one", "stored")

	changeCRD(t, p.Provider, func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
	})
	crdBecomes(t, p, "all versions", func(crd *apiextensionsv1.CustomResourceDefinition) bool { return len(crd.Spec.Versions) == 2 })
	exportSays(t, c, kubebindv1alpha2.ConditionProviderInSync, metav1.ConditionTrue, "", "")
	syncs(t, c, "one", "in all versions")
	t.Run("W39 the consumer's API server refuses the change", func(t *testing.T) { schemaRefused(t, c) })
	t.Run("W38 names and scope change", func(t *testing.T) { schemaReplaced(t, c) })
	t.Run("W40 the CRD is deleted here", func(t *testing.T) { schemaDeleted(t, c) })
}

// What the consumer's own rules forbid is shown, the old schema goes on, and it heals when they allow it.
func schemaRefused(t *testing.T, c claimable) {
	policy, binding := parsed(t, noChanges), parsed(t, noChangesBinding)
	expect.Create(t, c.Consumer, policy)
	expect.Create(t, c.Consumer, binding)
	expect.Eventually(t, "the policy should be in force", func(ctx context.Context) error {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: widgets}, crd); err != nil {
			return err
		}
		if err := c.Consumer.Client.Update(ctx, crd, client.DryRunAll); !apierrors.IsInvalid(err) {
			return fmt.Errorf("an update is answered with %w", errors.Join(err, errors.New("no refusal")))
		}
		return nil
	})
	changeCRD(t, c.Provider, addField("weight", "integer"))
	b := binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonCustomResourceDefinitionUpdateFailed, "not on a Friday")
	if !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionConnected) {
		t.Errorf("the binding is not connected: %+v", b.Status.Conditions)
	}
	exportSays(t, c, kubebindv1alpha2.ConditionConsumerInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonCustomResourceDefinitionUpdateFailed, "not on a Friday")
	syncs(t, c, "one", "on a Friday")
	expect.Delete(t, c.Consumer, binding)
	expect.Delete(t, c.Consumer, policy)
	binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionTrue, "", "")
	crdBecomes(t, c.Pair, "the field", func(crd *apiextensionsv1.CustomResourceDefinition) bool {
		_, has := specOf(crd, 0).Properties["weight"]
		return has
	})
}

// The provider makes its CRD anew, in another scope and of another kind: what the consumer has stays as it is, and goes on
// when the CRD is again what it was.
func schemaReplaced(t *testing.T, c claimable) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := c.Provider.Client.Get(t.Context(), client.ObjectKey{Name: widgets}, crd); err != nil {
		t.Fatal(err)
	}
	replace := func(change func(*apiextensionsv1.CustomResourceDefinition)) {
		t.Helper()
		expect.Delete(t, c.Provider, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: widgets}})
		expect.Gone(t, c.Provider, crd)
		next := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: widgets, Labels: crd.Labels}, Spec: *crd.Spec.DeepCopy()}
		change(next)
		expect.Create(t, c.Provider, next)
	}
	replace(func(crd *apiextensionsv1.CustomResourceDefinition) {
		crd.Spec.Scope, crd.Spec.Names.Kind, crd.Spec.Names.ListKind = apiextensionsv1.ClusterScoped, "Gadget", "GadgetList"
	})
	b := binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionFalse, kubebindv1alpha2.ReasonSchemaIncompatible, `spec.scope: changes from "Namespaced" to "Cluster"; `+
		`spec.names.kind: changes from "Widget" to "Gadget"`)
	if !kubebindv1alpha2.IsTrue(b.Status.Conditions, kubebindv1alpha2.ConditionConnected) {
		t.Errorf("the binding is not connected: %+v", b.Status.Conditions)
	}
	expect.Exists(t, c.Consumer, widget("team", "one"))
	replace(func(*apiextensionsv1.CustomResourceDefinition) {})
	binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionTrue, "", "")
	syncs(t, c, "one", "as before")
}

// A CRD that somebody deletes here is made again; its objects are gone, here and there, and new ones are synced.
func schemaDeleted(t *testing.T, c claimable) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := c.Consumer.Client.Get(t.Context(), client.ObjectKey{Name: widgets}, crd); err != nil {
		t.Fatal(err)
	}
	expect.Delete(t, c.Consumer, crd)
	expect.Eventually(t, "the CRD should be made again", func(ctx context.Context) error {
		again := &apiextensionsv1.CustomResourceDefinition{}
		if err := c.Consumer.Client.Get(ctx, client.ObjectKey{Name: widgets}, again); err != nil {
			return err
		}
		if again.UID == crd.UID {
			return errors.New("it is still the old one")
		}
		return client.IgnoreAlreadyExists(c.Consumer.Client.Create(ctx, widget("team", "new")))
	})
	expect.Gone(t, c.Provider, widget(c.there("team"), "one"))
	syncs(t, c, "new", "after all")
	binds(t, c, kubebindv1alpha2.ConditionSchemaInSync, metav1.ConditionTrue, "", "")
}
