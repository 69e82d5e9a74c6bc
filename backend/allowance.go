// SPDX-License-Identifier: Apache-2.0

package backend

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// allowanceName is the ClusterRole and the ClusterRoleBinding of those who may bind everything.
const allowanceName = "kube-bind-oidc-user"

// allowance lets the users and groups that the flags name bind every template. The leader writes it down as RBAC, where
// administrators find it.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexporttemplates,verbs=bind
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
type allowance struct {
	client client.Client
	live   client.Reader
	door   FrontDoor
}

// Start implements manager.Runnable.
func (a *allowance) Start(ctx context.Context) error {
	subjects := a.subjects()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: allowanceName}}
	role.Rules = []rbacv1.PolicyRule{{
		APIGroups: []string{kubebindv1alpha2.GroupName}, Resources: []string{"apiserviceexporttemplates"}, Verbs: []string{"bind"},
	}}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: allowanceName}, Subjects: subjects}
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: allowanceName}
	if len(subjects) == 0 {
		if err := client.IgnoreNotFound(a.client.Delete(ctx, binding)); err != nil {
			return fmt.Errorf("taking away who may bind every template: %w", err)
		}
		return nil
	}
	if err := retry.RetryOnConflict(retry.DefaultRetry, func() error { return a.write(ctx, role, binding) }); err != nil && ctx.Err() == nil {
		return fmt.Errorf("writing down who may bind every template: %w", err)
	}
	return nil
}

func (a *allowance) subjects() []rbacv1.Subject {
	var out []rbacv1.Subject
	for _, g := range a.door.AllowedGroups {
		out = append(out, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: a.door.Prefixes.Groups + g})
	}
	for _, u := range a.door.AllowedUsers {
		out = append(out, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: a.door.Prefixes.Username + u})
	}
	return out
}

func (a *allowance) write(ctx context.Context, role *rbacv1.ClusterRole, binding *rbacv1.ClusterRoleBinding) error {
	have := &rbacv1.ClusterRole{}
	switch err := a.live.Get(ctx, client.ObjectKeyFromObject(role), have); {
	case apierrors.IsNotFound(err):
		if err := a.client.Create(ctx, role); err != nil {
			return err
		}
	case err != nil:
		return err
	case !equality.Semantic.DeepEqual(have.Rules, role.Rules):
		have.Rules = role.Rules
		if err := a.client.Update(ctx, have); err != nil {
			return err
		}
	}
	haveBinding := &rbacv1.ClusterRoleBinding{}
	err := a.live.Get(ctx, client.ObjectKeyFromObject(binding), haveBinding)
	if apierrors.IsNotFound(err) {
		return a.client.Create(ctx, binding)
	}
	if err == nil && haveBinding.RoleRef != binding.RoleRef {
		return fmt.Errorf("the ClusterRoleBinding %s binds another role, %s; remove it", allowanceName, haveBinding.RoleRef.Name)
	}
	if err != nil || equality.Semantic.DeepEqual(haveBinding.Subjects, binding.Subjects) {
		return err
	}
	haveBinding.Subjects = binding.Subjects
	return a.client.Update(ctx, haveBinding)
}
