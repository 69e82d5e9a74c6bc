// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// placeMeta is that of an object of the place. By the label the backend's caches see it.
func placeMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace,
		Name:      name,
		Labels:    map[string]string{kubebindv1alpha2.ContractNamespaceLabel: namespace},
	}
}

// relabel sets the label that an object made by an older backend lacks.
func relabel(obj metav1.Object) bool {
	labels := obj.GetLabels()
	if labels[kubebindv1alpha2.ContractNamespaceLabel] == obj.GetNamespace() {
		return false
	}
	if labels == nil {
		labels = map[string]string{}
	}
	labels[kubebindv1alpha2.ContractNamespaceLabel] = obj.GetNamespace()
	obj.SetLabels(labels)
	return true
}

func (p *Places) ensureClusterBinding(ctx context.Context, namespace string, consumer providers.Consumer) (*kubebindv1alpha2.ClusterBinding, error) {
	want := &kubebindv1alpha2.ClusterBinding{ObjectMeta: placeMeta(namespace, kubebindv1alpha2.ClusterBindingName)}
	want.Annotations = map[string]string{
		kubebindv1alpha2.IdentityAnnotation:          consumer.Identity,
		kubebindv1alpha2.RequesterAnnotation:         consumer.Requester,
		kubebindv1alpha2.AuthorAnnotation:            consumer.Author,
		kubebindv1alpha2.ClusterPrettyNameAnnotation: consumer.PrettyName,
	}
	want.Finalizers = []string{kubebindv1alpha2.PlaceFinalizer}
	want.Spec.ProviderPrettyName = p.opts.PrettyName
	want.Spec.KubeconfigSecretRef = kubebindv1alpha2.LocalSecretKeyRef{
		Name: kubebindv1alpha2.KubeconfigSecretName,
		Key:  kubebindv1alpha2.KubeconfigSecretKey,
	}
	return ensure(ctx, p, want, func(have *kubebindv1alpha2.ClusterBinding) (bool, error) {
		if !have.DeletionTimestamp.IsZero() {
			return false, &providers.NotReadyError{Message: "the place is being removed", RetryAfter: retryAfter}
		}
		changed := relabel(have)
		if !slices.Contains(have.Finalizers, kubebindv1alpha2.PlaceFinalizer) {
			have.Finalizers, changed = append(have.Finalizers, kubebindv1alpha2.PlaceFinalizer), true
		}
		if have.Spec.ProviderPrettyName != want.Spec.ProviderPrettyName {
			have.Spec.ProviderPrettyName, changed = want.Spec.ProviderPrettyName, true
		}
		return changed, nil
	})
}

func (p *Places) ensureAccount(ctx context.Context, namespace string) (*corev1.ServiceAccount, error) {
	want := &corev1.ServiceAccount{ObjectMeta: placeMeta(namespace, kubebindv1alpha2.BinderName)}
	return ensure(ctx, p, want, func(have *corev1.ServiceAccount) (bool, error) { return relabel(have), nil })
}

// ensureRights makes what the ServiceAccount may do in the contract namespace.
func (p *Places) ensureRights(ctx context.Context, namespace string) error {
	role := &rbacv1.Role{ObjectMeta: placeMeta(namespace, kubebindv1alpha2.BinderName), Rules: binderRules(namespace)}
	_, err := ensure(ctx, p, role, func(have *rbacv1.Role) (bool, error) {
		changed := relabel(have)
		if !equality.Semantic.DeepEqual(have.Rules, role.Rules) {
			have.Rules, changed = role.Rules, true
		}
		return changed, nil
	})
	if err != nil {
		return fmt.Errorf("making the Role: %w", err)
	}
	return p.ensureRoleBinding(ctx, namespace)
}

// ensureRoleBinding replaces a binding to another role: the reference is immutable.
func (p *Places) ensureRoleBinding(ctx context.Context, namespace string) error {
	want := &rbacv1.RoleBinding{
		ObjectMeta: placeMeta(namespace, kubebindv1alpha2.BinderName),
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: kubebindv1alpha2.BinderName}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: kubebindv1alpha2.BinderName},
	}
	_, err := ensure(ctx, p, want, func(have *rbacv1.RoleBinding) (bool, error) {
		if have.RoleRef != want.RoleRef {
			if err := p.client.Delete(ctx, have); err != nil {
				return false, fmt.Errorf("deleting a binding to another role: %w", err)
			}
			return false, &providers.NotReadyError{Message: "the RoleBinding is being replaced", RetryAfter: retryAfter}
		}
		changed := relabel(have)
		if !equality.Semantic.DeepEqual(have.Subjects, want.Subjects) {
			have.Subjects, changed = want.Subjects, true
		}
		return changed, nil
	})
	if err != nil {
		return fmt.Errorf("making the RoleBinding: %w", err)
	}
	return nil
}

// binderRules are what a konnector and a person with the consumer's kubeconfig need of the contract. Requests and
// exports cannot be changed with them, grants (in the spec of the ClusterBinding) cannot either, and of all Secrets
// only the consumer's own credential can be read.
func binderRules(namespace string) []rbacv1.PolicyRule {
	group := []string{kubebindv1alpha2.GroupName}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, ResourceNames: []string{namespace}, Verbs: []string{"get"}},
		{
			APIGroups: []string{""}, Resources: []string{"secrets"},
			ResourceNames: []string{kubebindv1alpha2.KubeconfigSecretName}, Verbs: []string{"get", "list", "watch"},
		},
		{APIGroups: group, Resources: []string{"apiserviceexportrequests"}, Verbs: []string{"create", "get", "list", "watch"}},
		{APIGroups: group, Resources: []string{"apiservicenamespaces"}, Verbs: []string{"create", "delete", "get", "list", "watch"}},
		{APIGroups: group, Resources: []string{"apiserviceexports", "boundschemas", "clusterbindings"}, Verbs: []string{"get", "list", "watch"}},
		{
			APIGroups: group, Resources: []string{"apiserviceexports/status", "boundschemas/status", "clusterbindings/status"},
			Verbs: []string{"get", "patch", "update"},
		},
	}
}
