// SPDX-License-Identifier: Apache-2.0

package grants

import (
	"context"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// SettleTime is how long after its creation a fence is trusted to be in force: API servers look for new policies about
// once a second, and say nothing about what they have found.
const SettleTime = 3 * time.Second

// NeedsFence tells whether the consumer gets rights that only a fence can limit.
func (in Input) NeedsFence() bool {
	return len(in.wide()) > 0 || OnClaimed(in.Claims) || len(in.shared()) > 0
}

// FencesLentOnly tells whether the fence is for nothing but namespaces that are lent, so that rights elsewhere do not wait for it.
func (in Input) FencesLentOnly() bool { return len(in.wide()) == 0 && !OnClaimed(in.Claims) }

// wide are the exported resources whose objects, of all consumers, lie side by side in no namespace.
func (in Input) wide() []schema.GroupResource {
	if in.InformerScope != kubebindv1alpha2.ClusterScope {
		return nil
	}
	return in.clusterScoped()
}

// shared are the exported resources whose objects lie beside those of others in namespaces that are lent. Where a fence stands anyhow they
// are in it before anything is lent: of a fence that changes nobody can tell when all API servers have seen it.
func (in Input) shared() []schema.GroupResource {
	if in.Isolation != kubebindv1alpha2.IsolationNone || len(in.Lent) == 0 && in.FencesLentOnly() {
		return nil
	}
	return in.namespaced()
}

// Fence is what is there of an export's fence; nil is absent.
type Fence struct {
	Policy  *admissionregistrationv1.ValidatingAdmissionPolicy
	Binding *admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// ReadFence reads the fence of an export.
func ReadFence(ctx context.Context, reader client.Reader, in Input) (Fence, error) {
	if !in.NeedsFence() {
		return Fence{}, nil
	}
	key := client.ObjectKey{Name: clusterName(in.Export)}
	var out Fence
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	if err := reader.Get(ctx, key, policy); err == nil {
		out.Policy = policy
	} else if !apierrors.IsNotFound(err) {
		return Fence{}, fmt.Errorf("reading the admission policy: %w", err)
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	if err := reader.Get(ctx, key, binding); err == nil {
		out.Binding = binding
	} else if !apierrors.IsNotFound(err) {
		return Fence{}, fmt.Errorf("reading the binding of the admission policy: %w", err)
	}
	return out, nil
}

// Stands tells whether the fence that is there is the right one and in force, and if not how long that will take.
func (in Input) Stands(have Fence, now time.Time) (bool, time.Duration) {
	want := fence(in)
	if len(want) == 0 {
		return true, 0
	}
	if have.Policy == nil || have.Binding == nil || !same(want[0], have.Policy) || !same(want[1], have.Binding) {
		return false, SettleTime
	}
	newest := have.Policy.CreationTimestamp.Time
	if have.Binding.CreationTimestamp.After(newest) {
		newest = have.Binding.CreationTimestamp.Time
	}
	wait := SettleTime - now.Sub(newest)
	return wait <= 0, max(wait, 0)
}

// fence has every field set that the API server would default, so that it can be compared with what is there.
func fence(in Input) []client.Object {
	if !in.NeedsFence() {
		return nil
	}
	user := fmt.Sprintf("system:serviceaccount:%s:%s", in.Export.Namespace, kubebindv1alpha2.BinderName)
	meta := in.meta("", clusterName(in.Export))
	return []client.Object{
		&admissionregistrationv1.ValidatingAdmissionPolicy{
			ObjectMeta: meta,
			Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
				FailurePolicy: ptr.To(admissionregistrationv1.Fail),
				MatchConditions: []admissionregistrationv1.MatchCondition{
					{Name: "the-consumer", Expression: "request.userInfo.username == " + quote(user)},
				},
				MatchConstraints: &admissionregistrationv1.MatchResources{
					MatchPolicy:       ptr.To(admissionregistrationv1.Equivalent),
					NamespaceSelector: &metav1.LabelSelector{},
					ObjectSelector:    &metav1.LabelSelector{},
					ResourceRules:     in.fenced(),
				},
				Validations: in.validations(),
			},
		},
		&admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: *meta.DeepCopy(),
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName:        meta.Name,
				ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			},
		},
	}
}

func (in Input) validations() []admissionregistrationv1.Validation {
	var out []admissionregistrationv1.Validation
	if len(in.wide()) > 0 {
		out = append(out, in.validation("object", "cannot be made or changed by this consumer"), in.validation("oldObject", "is not this consumer's"))
	}
	if OnClaimed(in.Claims) || len(in.shared()) > 0 {
		out = append(out, besideValidations(in.Export.Namespace)...)
	}
	if OnClaimed(in.Claims) {
		out = append(out, claimValidations()...)
	}
	return out
}

func (in Input) fenced() []admissionregistrationv1.NamedRuleWithOperations {
	resources := append(in.wide(), in.shared()...)
	if OnClaimed(in.Claims) {
		for _, resource := range kubebindv1alpha2.ClaimableResources() {
			resources = append(resources, schema.GroupResource{Resource: resource})
		}
	}
	var out []admissionregistrationv1.NamedRuleWithOperations
	for _, r := range resources {
		out = append(out, admissionregistrationv1.NamedRuleWithOperations{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{
				Operations: []admissionregistrationv1.OperationType{
					admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete,
				},
				Rule: admissionregistrationv1.Rule{
					APIGroups:   []string{r.Group},
					APIVersions: []string{"*"},
					Resources:   []string{r.Resource, r.Resource + "/*"},
					Scope:       ptr.To(admissionregistrationv1.AllScopes),
				},
			},
		})
	}
	return out
}

// validation asks that what object stands for is this consumer's: before a change and after it.
func (in Input) validation(object, complaint string) admissionregistrationv1.Validation {
	mark := quote(kubebindv1alpha2.ClusterNamespaceAnnotation)
	parts := []string{
		fmt.Sprintf("has(%s.metadata.annotations)", object),
		fmt.Sprintf("%s in %s.metadata.annotations", mark, object),
		fmt.Sprintf("%s.metadata.annotations[%s] == %s", object, mark, quote(in.Export.Namespace)),
	}
	if in.Isolation == kubebindv1alpha2.IsolationPrefixed {
		parts = append(parts, fmt.Sprintf("%s.metadata.name.startsWith(%s)", object, quote(in.Export.Namespace+"-")))
	}
	return admissionregistrationv1.Validation{
		Expression: fmt.Sprintf("request.resource.group == '' || %s == null || (%s)", object, strings.Join(parts, " && ")),
		Message:    fmt.Sprintf("the object %s: it lacks the mark or the prefix of %s", complaint, in.Export.Namespace),
		Reason:     ptr.To(metav1.StatusReasonForbidden),
	}
}

// quote makes a CEL string of a namespace or a key, which have no characters to escape.
func quote(s string) string { return "'" + s + "'" }

// equalSpec compares what the objects ask for.
func equalSpec(a, b any) bool { return equality.Semantic.DeepEqual(a, b) }
