// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"

	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	conditionsv1alpha1 "github.com/kcp-dev/sdk/apis/third_party/conditions/apis/conditions/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/apis/mapping"
	"kube-bind.io/kube-bind/providers"
	"kube-bind.io/kube-bind/providers/kube"
)

// ensureWorkspace finds or makes the workspace of a consumer below its provider's, and returns it once it is a member. What is
// there and not this consumer's is left alone.
func (p *Provider) ensureWorkspace(ctx context.Context, host *member, consumer providers.Consumer) (*tenancyv1alpha1.Workspace, *member, error) {
	have, err := p.findWorkspace(ctx, host, mapping.ContractNamespaceName(p.opts.Places.NamespacePrefix, consumer.Identity))
	if apierrors.IsNotFound(err) {
		have, err = p.createWorkspace(ctx, host, consumer)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := p.judgeWorkspace(have, consumer); err != nil {
		return nil, nil, err
	}
	guest := p.members.guest(lodging{Host: host.name, Name: have.Name, UID: have.UID})
	if guest == nil {
		return nil, nil, incomplete(have)
	}
	return have, guest, nil
}

// complete returns an error as long as kcp has not completed a workspace.
func (p *Provider) complete(ctx context.Context, host *member, workspace *tenancyv1alpha1.Workspace) error {
	have := workspace
	if have.Status.Phase != corev1alpha1.LogicalClusterPhaseReady {
		var err error
		if have, err = p.findWorkspace(ctx, host, workspace.Name); err != nil {
			return fmt.Errorf("reading the workspace %s: %w", workspace.Name, err)
		}
	}
	if have.UID != workspace.UID || have.Status.Phase != corev1alpha1.LogicalClusterPhaseReady {
		return incomplete(have)
	}
	return nil
}

func incomplete(workspace *tenancyv1alpha1.Workspace) error {
	return notReady("waiting for the workspace %s: its phase is %q%s", workspace.Name, workspace.Status.Phase, complaint(workspace.Status.Conditions))
}

// findWorkspace reads from the cache first.
func (p *Provider) findWorkspace(ctx context.Context, host *member, name string) (*tenancyv1alpha1.Workspace, error) {
	have := &tenancyv1alpha1.Workspace{}
	for _, reader := range []client.Reader{host.client, host.live} {
		err := reader.Get(ctx, client.ObjectKey{Name: name}, have)
		if err == nil && have.DeletionTimestamp.IsZero() {
			return have, nil
		}
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading the workspace %s: %w", name, err)
		}
	}
	err := host.live.Get(ctx, client.ObjectKey{Name: name}, have)
	return have, err
}

func (p *Provider) createWorkspace(ctx context.Context, host *member, consumer providers.Consumer) (*tenancyv1alpha1.Workspace, error) {
	home := p.members.homePath()
	if home == "" {
		return nil, notReady("waiting for kcp's APIExportEndpointSlice %s", p.opts.EndpointSlice)
	}
	want := &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{
		Name: mapping.ContractNamespaceName(p.opts.Places.NamespacePrefix, consumer.Identity),
		Annotations: map[string]string{
			kubebindv1alpha2.IdentityAnnotation:  consumer.Identity,
			kubebindv1alpha2.RequesterAnnotation: consumer.Requester,
			kubebindv1alpha2.AuthorAnnotation:    consumer.Author,
		},
	}}
	want.Spec.Type = p.workspaceType()
	if err := host.live.Create(ctx, want); apierrors.IsAlreadyExists(err) {
		return nil, notReady("the workspace %s is being made by others", want.Name)
	} else if err != nil {
		return nil, fmt.Errorf("making the workspace %s: %w", want.Name, err)
	}
	return want, nil
}

func (p *Provider) workspaceType() *tenancyv1alpha1.WorkspaceTypeReference {
	return &tenancyv1alpha1.WorkspaceTypeReference{Name: ConsumerType, Path: p.members.homePath()}
}

// judgeWorkspace tells whether a workspace is this consumer's, and stays.
func (p *Provider) judgeWorkspace(have *tenancyv1alpha1.Workspace, consumer providers.Consumer) error {
	if have.Spec.Type == nil || *have.Spec.Type != *p.workspaceType() {
		return &providers.ForeignError{
			Object: "Workspace " + have.Name, Message: "it is not of the type " + p.members.consumerType() + "; choose another namespace prefix, or remove it",
		}
	}
	if err := kube.Belongs("Workspace", have, consumer); err != nil {
		return err
	}
	if !have.DeletionTimestamp.IsZero() {
		return notReady("the place is being removed")
	}
	return nil
}

// complaint is what kcp says is not as it should be.
func complaint(conditions conditionsv1alpha1.Conditions) string {
	for _, c := range conditions {
		if c.Status == corev1.ConditionFalse && c.Message != "" {
			return ": " + c.Message
		}
	}
	return ""
}

// deleteWorkspace deletes the very Workspace that a consumer's place was. A host that is no member any more keeps it, empty.
func (p *Provider) deleteWorkspace(ctx context.Context, l lodging) error {
	host := p.members.get(l.Host)
	if host == nil {
		p.opts.Logger.Info("the workspace of a removed consumer stays: its provider's does not bind kube-bind's API any more", "cluster", l.Host, "workspace", l.Name)
		return nil
	}
	uid := l.UID
	err := host.live.Delete(ctx, &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: l.Name}}, client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) { // a conflict: it is another one by now
		return fmt.Errorf("deleting the workspace %s: %w", l.Name, err)
	}
	return nil
}

func notReady(format string, args ...any) error {
	return &providers.NotReadyError{Message: fmt.Sprintf(format, args...), RetryAfter: retryAfter}
}
