// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers"
)

// ownRole is the ClusterRole, and its binding, of what the backend may do in a provider's workspace besides what the virtual
// workspace serves.
const ownRole = "kube-bind-backend"

// clusterNameKey is the part of a ServiceAccount's identity that says which logical cluster it is of.
const clusterNameKey = "authentication.kcp.io/cluster-name"

// allowOurselves lets the backend come into a provider's workspace, ask for its consumers' tokens, and read the schemas of what
// is bound there. The claims on RBAC that the workspace has accepted allow it to.
func (p *Provider) allowOurselves(ctx context.Context, at *site) error {
	subject, err := p.self(ctx)
	if err != nil {
		return err
	}
	err = p.keepRole(ctx, at, func(role *rbacv1.ClusterRole) {
		addRule(role, rbacv1.PolicyRule{NonResourceURLs: []string{"/"}, Verbs: []string{"access"}})
		addRule(role, rbacv1.PolicyRule{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apibindings"}, Verbs: []string{"get"}})
		if p.opts.Tenancy == Namespaces {
			addRule(role, rbacv1.PolicyRule{
				APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, ResourceNames: []string{kubebindv1alpha2.BinderName}, Verbs: []string{"create"},
			})
		}
	})
	if err != nil {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: ownRole}, Subjects: []rbacv1.Subject{subject}}
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: ownRole}
	have := &rbacv1.ClusterRoleBinding{}
	err = at.live.Get(ctx, client.ObjectKeyFromObject(binding), have)
	switch {
	case apierrors.IsNotFound(err):
		err = client.IgnoreAlreadyExists(at.live.Create(ctx, binding))
	case err == nil && have.RoleRef != binding.RoleRef:
		return &providers.ForeignError{Object: "ClusterRoleBinding " + ownRole, Message: "it binds another role; remove it"}
	case err == nil && !slices.Contains(have.Subjects, subject):
		have.Subjects = append(have.Subjects, subject) // the others may be those of another kube-bind
		err = at.live.Update(ctx, have)
	}
	if err != nil {
		return fmt.Errorf("allowing the backend to come in: %w", err)
	}
	return nil
}

// allowBind lets the backend bind an APIExport of a provider's workspace, for its consumers.
func (p *Provider) allowBind(ctx context.Context, at *site, export string) error {
	return p.keepRole(ctx, at, func(role *rbacv1.ClusterRole) {
		addRule(role, rbacv1.PolicyRule{APIGroups: []string{"apis.kcp.io"}, Resources: []string{"apiexports"}, ResourceNames: []string{export}, Verbs: []string{"bind"}})
	})
}

// allowCopies lets the backend take copies away that consumers have left: the virtual workspace does not serve their kinds.
func (p *Provider) allowCopies(ctx context.Context, at *site, resources []schema.GroupResource) error {
	return p.keepRole(ctx, at, func(role *rbacv1.ClusterRole) {
		for _, r := range resources {
			addRule(role, rbacv1.PolicyRule{APIGroups: []string{r.Group}, Resources: []string{r.Resource}, Verbs: []string{"list", "delete"}})
		}
	})
}

// keepRole adds to the backend's role in a workspace.
func (p *Provider) keepRole(ctx context.Context, at *site, add func(*rbacv1.ClusterRole)) error {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: ownRole}}
	err := at.live.Get(ctx, client.ObjectKeyFromObject(role), role)
	before := role.DeepCopy()
	switch {
	case apierrors.IsNotFound(err):
		add(role)
		err = at.live.Create(ctx, role)
	case err == nil:
		if add(role); !equality.Semantic.DeepEqual(before.Rules, role.Rules) {
			err = at.live.Update(ctx, role)
		}
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return &providers.NotReadyError{Message: "the backend's rights are being changed by others", RetryAfter: retryAfter}
	}
	if err != nil {
		return fmt.Errorf("writing down what the backend may do in the workspace: %w", err)
	}
	return nil
}

// addRule adds a rule that is not there.
func addRule(role *rbacv1.ClusterRole, rule rbacv1.PolicyRule) {
	if !slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(r, rule) }) {
		role.Rules = append(role.Rules, rule)
	}
}

// self is the backend as RBAC in other workspaces names it.
func (p *Provider) self(ctx context.Context) (rbacv1.Subject, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := p.local.GetClient().Create(ctx, review); err != nil {
		return rbacv1.Subject{}, fmt.Errorf("asking kcp who the backend is: %w", err)
	}
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: nameElsewhere(review.Status.UserInfo)}, nil
}

// checkSelf refuses to make workspaces as a ServiceAccount: kcp 0.31 does what is done by default in a new workspace in the name
// of who made it, and a ServiceAccount of another workspace may do nothing there. It waits for kcp as long as ctx lasts.
func (p *Provider) checkSelf(ctx context.Context) error {
	for delay := firstRetry; ; delay = min(2*delay, lastRetry) {
		subject, err := p.self(ctx)
		if err == nil && p.opts.Tenancy == Workspaces && strings.HasPrefix(subject.Name, accountElsewhere) {
			return fmt.Errorf("the backend is the ServiceAccount %s, of which kcp cannot make workspaces: give it the kubeconfig of a user, such as one with a client certificate, or say --tenancy=%s", subject.Name, Namespaces)
		}
		if err == nil {
			return nil
		}
		p.metrics.failures.WithLabelValues(stepShards).Inc()
		p.opts.Logger.Error(err, "following kcp; trying again", "in", delay.String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		}
	}
}

// accountElsewhere begins the name of a ServiceAccount in workspaces other than its own.
const accountElsewhere = "system:kcp:serviceaccount:"

// nameElsewhere is how workspaces other than its own call a user: a ServiceAccount is called by its logical cluster, too.
func nameElsewhere(user authenticationv1.UserInfo) string {
	account, found := strings.CutPrefix(user.Username, "system:serviceaccount:")
	if cluster := user.Extra[clusterNameKey]; found && len(cluster) == 1 {
		return accountElsewhere + cluster[0] + ":" + account
	}
	return user.Username
}
