// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// denial is what a policy says to what it denies.
const denial = "no outlaws in this town"

// policy is a ValidatingAdmissionPolicy: what an admin, or another product, may put in the way.
type policy struct {
	// name is that of the policy and its binding.
	name string
	// group, resource and operation are what it looks at. A subresource is written as resource/subresource.
	group, resource, operation string
	// admits is the CEL expression of what it lets through.
	admits string
}

// put puts the policy in force. It is seen to be when probe, a dry run of something that is to be denied, is.
func (p policy) put(t *testing.T, side *pair.Side, probe func(ctx context.Context) error) {
	t.Helper()
	for _, manifest := range []string{
		fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{"name":%q},"spec":{
			"matchConstraints":{"resourceRules":[{"apiGroups":[%q],"apiVersions":["*"],"operations":[%q],"resources":[%q]}]},
			"validations":[{"expression":%q,"message":%q}]}}`, p.name, p.group, p.operation, p.resource, p.admits, denial),
		fmt.Sprintf(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding","metadata":{"name":%q},"spec":{
			"policyName":%q,"validationActions":["Deny"]}}`, p.name, p.name),
	} {
		if err := side.ApplyYAML(t.Context(), []byte(manifest)); err != nil {
			t.Fatal(err)
		}
	}
	expect.Eventually(t, "policy "+p.name+" should be in force", func(ctx context.Context) error {
		if err := probe(ctx); !denied(err) {
			return errors.Join(errors.New("no denial"), err)
		}
		return nil
	})
}

// lift takes the policy out of force, and waits until the probe gets through.
func (p policy) lift(t *testing.T, side *pair.Side, probe func(ctx context.Context) error) {
	t.Helper()
	for _, kind := range []string{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"} {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("admissionregistration.k8s.io/v1")
		o.SetKind(kind)
		o.SetName(p.name)
		expect.Delete(t, side, o)
	}
	expect.Eventually(t, "policy "+p.name+" should be out of force", func(ctx context.Context) error {
		if err := probe(ctx); denied(err) {
			return err
		}
		return nil
	})
}

func denied(err error) bool { return err != nil && strings.Contains(err.Error(), denial) }

func dryCreate(side *pair.Side, o client.Object) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		return side.Client.Create(ctx, o.DeepCopyObject().(client.Object), client.DryRunAll)
	}
}
