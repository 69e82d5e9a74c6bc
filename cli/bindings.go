// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
)

// existing is the binding of a name that the consumer has already, or an empty one. A dry run is for any cluster: it looks at none.
func (b *binder) existing(ctx context.Context, name string) (*kubebindv1alpha2.APIServiceBinding, error) {
	out := &kubebindv1alpha2.APIServiceBinding{}
	if b.dry() {
		return out, nil
	}
	consumer, err := b.consumer()
	if err != nil {
		return nil, err
	}
	err = consumer.Get(ctx, client.ObjectKey{Name: name}, out)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return &kubebindv1alpha2.APIServiceBinding{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the APIServiceBinding %s: %w", name, err)
	}
	return out, nil
}

// bindings are those of a contract, with the answers to its claims. None of them may be there for another provider.
func (b *binder) bindings(ctx context.Context, c *install.Contract) ([]*kubebindv1alpha2.APIServiceBinding, error) {
	out := c.Bindings()
	for i, want := range out {
		have, err := b.existing(ctx, want.Name)
		if err != nil {
			return nil, err
		}
		if have.Name != "" {
			if err := sameProvider(have, want); err != nil {
				return nil, err
			}
		}
		want.Spec.PermissionClaims = b.answers(&c.Requests[i].Spec, have)
	}
	return out, nil
}

// sameProvider refuses a binding that is there under the name of one that is wanted.
func sameProvider(have, want *kubebindv1alpha2.APIServiceBinding) error {
	if have.Spec.KubeconfigSecretRef == want.Spec.KubeconfigSecretRef {
		return nil
	}
	return exit(ExitFailed, fmt.Errorf("there is an APIServiceBinding %s already, of another provider or by another Secret", want.Name),
		"Choose another name with --name, or remove it: kubectl bind unbind %s", want.Name)
}

// createBindings tells the konnector what to bind, and waits until it has.
func (b *binder) createBindings(
	ctx context.Context, consumer client.Client, c *install.Contract, wanted []*kubebindv1alpha2.APIServiceBinding,
) (*kubebindv1alpha2.APIServiceBindingList, error) {
	out := &kubebindv1alpha2.APIServiceBindingList{TypeMeta: typeMeta("APIServiceBindingList")}
	for i, want := range wanted {
		err := retryNoMatch(ctx, func() error { return consumer.Create(ctx, want.DeepCopy(), fieldOwner) })
		verb := "Created"
		if apierrors.IsAlreadyExists(err) {
			verb, err = b.answer(ctx, consumer, want, &c.Requests[i].Spec)
		}
		if err != nil {
			return nil, err
		}
		b.say("✅ %s APIServiceBinding %s for %d resources", verb, want.Name, len(c.Requests[i].Spec.Resources))
		if refused := refusedBy(want); refused != "" && verb != "Created" {
			b.say("   It refuses %s, and what was shared of that is taken back. To accept it, change spec.permissionClaims of the binding and run this again.", refused)
		}
		b.say("   Waiting for the konnector to bind it...")
		if err := b.await(ctx, "the konnector", func(ctx context.Context) (bool, string, error) { return ready(ctx, consumer, want) }); err != nil {
			return nil, err
		}
		if c := kubebindv1alpha2.FindCondition(want.Status.Conditions, kubebindv1alpha2.ConditionReady); c != nil && c.Status != metav1.ConditionTrue {
			b.say("ℹ️  %s: %s", want.Name, c.Message)
		}
		want.TypeMeta = typeMeta("APIServiceBinding")
		out.Items = append(out.Items, *want)
	}
	b.say("Created %d APIServiceBinding(s):", len(out.Items))
	return out, nil
}

// answer has a binding that is there refuse what is refused now, and says what was done. It may be newer than the first look.
func (b *binder) answer(
	ctx context.Context, consumer client.Client, binding *kubebindv1alpha2.APIServiceBinding, spec *kubebindv1alpha2.APIServiceExportRequestSpec,
) (string, error) {
	wanted := binding.DeepCopy()
	if err := consumer.Get(ctx, client.ObjectKeyFromObject(binding), binding); err != nil {
		return "", fmt.Errorf("reading the APIServiceBinding %s: %w", binding.Name, err)
	}
	if err := sameProvider(binding, wanted); err != nil {
		return "", err
	}
	before := binding.DeepCopy()
	binding.Spec.PermissionClaims = b.answers(spec, before)
	if equality.Semantic.DeepEqual(before.Spec.PermissionClaims, binding.Spec.PermissionClaims) {
		return "Kept", nil
	}
	if err := consumer.Patch(ctx, binding, client.MergeFrom(before), fieldOwner); err != nil {
		return "", fmt.Errorf("answering the claims in the APIServiceBinding %s: %w", binding.Name, err)
	}
	return "Updated", nil
}

// refusedBy are the resources that a binding refuses to share.
func refusedBy(binding *kubebindv1alpha2.APIServiceBinding) string {
	var out []string
	for _, answer := range binding.Spec.PermissionClaims {
		if answer.State == kubebindv1alpha2.ConsentRefused {
			out = append(out, answer.GroupResource.String())
		}
	}
	return strings.Join(out, ", ")
}
