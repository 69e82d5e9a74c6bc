// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"strings"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	mcbuilder "sigs.k8s.io/multicluster-runtime/pkg/builder"
	mccontroller "sigs.k8s.io/multicluster-runtime/pkg/controller"
	mchandler "sigs.k8s.io/multicluster-runtime/pkg/handler"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"
	mcreconcile "sigs.k8s.io/multicluster-runtime/pkg/reconcile"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// offering is the name of the controller that offers what is bound.
const offering = "apibinding-template"

// RegisterOffers adds a controller to the manager that keeps templates for what provider workspaces have bound of others: see
// planOffers. APIBindings whose names begin with one of the prefixes are ignored. A fence, which may be nil, keeps the controller
// from workspaces that another replica works on.
func (p *Provider) RegisterOffers(mgr mcmanager.Manager, ignore []string, fence func(mcreconcile.Reconciler) mcreconcile.Reconciler) error {
	var reconciler mcreconcile.Reconciler = &offers{provider: p, ignore: ignore}
	if fence != nil {
		reconciler = fence(reconciler)
	}
	err := mcbuilder.ControllerManagedBy(mgr).
		Named(offering).
		For(&apisv1alpha2.APIBinding{}).
		Watches(&kubebindv1alpha2.APIServiceExportTemplate{}, mchandler.EnqueueRequestsFromMapFunc(bindingsOf)).
		WithOptions(mccontroller.Options{
			// As in backend/loop: two backends may be in one process, and the priority queue may hang when it is stopped.
			SkipNameValidation: ptr.To(true),
			UsePriorityQueue:   ptr.To(false),
			RateLimiter:        workqueue.NewTypedItemExponentialFailureRateLimiter[mcreconcile.Request](firstRetry, lastRetry),
		}).
		Complete(reconciler)
	if err != nil {
		return fmt.Errorf("adding the controller %s: %w", offering, err)
	}
	return nil
}

// bindingsOf are the APIBindings that a template may be of, or in the way of.
func bindingsOf(_ context.Context, template client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, ending := range []string{clusterEnding, namespacedEnding} {
		if name, found := strings.CutSuffix(template.GetName(), ending); found {
			out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
		}
	}
	if name := template.GetAnnotations()[OwnerBindingAnnotation]; name != "" {
		out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
	}
	return out
}

type offers struct {
	provider *Provider
	ignore   []string
}

// Reconcile implements mcreconcile.Reconciler.
func (o *offers) Reconcile(ctx context.Context, req mcreconcile.Request) (ctrl.Result, error) {
	host := o.provider.members.get(req.ClusterName)
	if host == nil || host.lodging.Host != "" { // it has left, or is a consumer's place
		return ctrl.Result{}, nil
	}
	facts, err := o.facts(ctx, host, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	plan := planOffers(facts)
	if err := plan.do(ctx, host.client); apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return ctrl.Result{RequeueAfter: firstRetry}, nil // the cache has to catch up
	} else if err != nil {
		return ctrl.Result{}, err
	}
	for _, sentence := range plan.refused {
		o.provider.opts.Logger.Info("offering what is bound", "cluster", req.ClusterName, "binding", req.Name, "refused", sentence)
		host.GetEventRecorder(offering).Eventf(facts.binding, nil, corev1.EventTypeWarning, "NotOffered", "Offer", "%s", sentence)
	}
	return ctrl.Result{}, nil
}

func (o *offers) facts(ctx context.Context, host *member, name string) (offerFacts, error) {
	out := offerFacts{name: name}
	var templates kubebindv1alpha2.APIServiceExportTemplateList
	if err := host.client.List(ctx, &templates); err != nil {
		return out, fmt.Errorf("listing templates: %w", err)
	}
	out.templates = templates.Items
	binding := &apisv1alpha2.APIBinding{}
	if err := host.client.Get(ctx, client.ObjectKey{Name: name}, binding); apierrors.IsNotFound(err) {
		return out, nil
	} else if err != nil {
		return out, fmt.Errorf("reading the APIBinding %s: %w", name, err)
	}
	if !offered(binding, o.ignore) {
		return out, nil
	}
	out.binding = binding
	for _, bound := range boundIn([]apisv1alpha2.APIBinding{*binding}) {
		crd, err := o.provider.schemaOf(ctx, host, bound)
		if err != nil {
			return out, err
		}
		out.schemas = append(out.schemas, crd)
	}
	return out, nil
}

// do carries a plan out. What was removed meanwhile is none of its business.
func (p offerPlan) do(ctx context.Context, c client.Client) error {
	for _, t := range p.create {
		if err := c.Create(ctx, t); err != nil {
			return fmt.Errorf("making the template %s: %w", t.Name, err)
		}
	}
	for _, t := range p.update {
		if err := client.IgnoreNotFound(c.Update(ctx, t)); err != nil {
			return fmt.Errorf("updating the template %s: %w", t.Name, err)
		}
	}
	for _, t := range p.remove {
		err := c.Delete(ctx, t, client.Preconditions{UID: &t.UID, ResourceVersion: &t.ResourceVersion})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("removing the template %s: %w", t.Name, err)
		}
	}
	return nil
}
