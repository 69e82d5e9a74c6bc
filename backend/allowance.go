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
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// allowanceName is the ClusterRole and the ClusterRoleBinding of those who may bind everything.
const allowanceName = "kube-bind-oidc-user"

// allowance lets the users and groups that the flags name bind every template, in each logical cluster that offers any. The
// leader writes it down as RBAC, where administrators find it.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexporttemplates,verbs=bind
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
type allowance struct {
	topology providers.Topology
	door     FrontDoor
}

// Start implements manager.Runnable. The work is done when a logical cluster comes.
func (a *allowance) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Engage implements multicluster.Aware. Consumers' places are passed over: nobody signs in to them.
func (a *allowance) Engage(ctx context.Context, name multicluster.ClusterName, cl cluster.Cluster) error {
	if host, err := a.topology.Host(ctx, name); err != nil || host != name {
		return err
	}
	in := loop.ScopeOf(name, cl)
	subjects := a.subjects()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: allowanceName}}
	role.Rules = []rbacv1.PolicyRule{{
		APIGroups: []string{kubebindv1alpha2.GroupName}, Resources: []string{"apiserviceexporttemplates"}, Verbs: []string{"bind"},
	}}
	if name != "" {
		// kcp answers for nobody who may not come in.
		role.Rules = append(role.Rules, rbacv1.PolicyRule{NonResourceURLs: []string{"/"}, Verbs: []string{"access"}})
	}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: allowanceName}, Subjects: subjects}
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: allowanceName}
	if len(subjects) == 0 {
		if err := withdraw(ctx, in, binding); err != nil {
			return fmt.Errorf("taking away who may bind every template: %w", err)
		}
		return nil
	}
	if err := retry.RetryOnConflict(retry.DefaultRetry, func() error { return writeAllowance(ctx, in, role, binding) }); err != nil && ctx.Err() == nil {
		return fmt.Errorf("writing down who may bind every template: %w", err)
	}
	return nil
}

// withdraw deletes what is there.
func withdraw(ctx context.Context, in loop.Scope, binding *rbacv1.ClusterRoleBinding) error {
	err := in.Live.Get(ctx, client.ObjectKeyFromObject(binding), binding)
	if err == nil {
		err = in.Delete(ctx, binding)
	}
	return client.IgnoreNotFound(err)
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

func writeAllowance(ctx context.Context, in loop.Scope, role *rbacv1.ClusterRole, binding *rbacv1.ClusterRoleBinding) error {
	have := &rbacv1.ClusterRole{}
	switch err := in.Live.Get(ctx, client.ObjectKeyFromObject(role), have); {
	case apierrors.IsNotFound(err):
		if err := in.Create(ctx, role); err != nil {
			return err
		}
	case err != nil:
		return err
	case !equality.Semantic.DeepEqual(have.Rules, role.Rules):
		have.Rules = role.Rules
		if err := in.Update(ctx, have); err != nil {
			return err
		}
	}
	haveBinding := &rbacv1.ClusterRoleBinding{}
	err := in.Live.Get(ctx, client.ObjectKeyFromObject(binding), haveBinding)
	if apierrors.IsNotFound(err) {
		return in.Create(ctx, binding)
	}
	if err == nil && haveBinding.RoleRef != binding.RoleRef {
		return fmt.Errorf("the ClusterRoleBinding %s binds another role, %s; remove it", allowanceName, haveBinding.RoleRef.Name)
	}
	if err != nil || equality.Semantic.DeepEqual(haveBinding.Subjects, binding.Subjects) {
		return err
	}
	haveBinding.Subjects = binding.Subjects
	return in.Update(ctx, haveBinding)
}
