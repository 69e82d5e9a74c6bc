// SPDX-License-Identifier: Apache-2.0

package bindrequest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/binding"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// Register adds the controller to the fleet. Identities of people who sign in at the issuer, which may be empty, are for nobody who asks here.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=bindableresourcesrequests,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=kube-bind.io,resources=bindableresourcesrequests/status,verbs=get;patch;update
// +kubebuilder:rbac:groups=kube-bind.io,resources=bindableresourcesrequests/finalizers,verbs=update
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexporttemplates,verbs=get;list;watch
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexportrequests,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=kube-bind.io,resources=clusterbindings,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;update
// +kubebuilder:rbac:groups="",resources=serviceaccounts/token,resourceNames=kube-binder,verbs=create
func Register(fleet loop.Fleet, issuer string) error {
	r := &reconciler{fleet: fleet, issuer: issuer, now: time.Now}
	return loop.Register(fleet, loop.Controller[*kubebindv1alpha2.BindableResourcesRequest]{
		Name:      "bindrequest",
		Reconcile: r.reconcile,
		Fail:      r.showError,
		Ready:     readiness,
		Watches: []loop.Watch{
			{Object: &kubebindv1alpha2.APIServiceExportRequest{}, Keys: askersOf, Host: true},
			{Object: &corev1.Namespace{}, Keys: waiters},
			{Object: &kubebindv1alpha2.APIServiceExportTemplate{}, Keys: binders, Filter: predicate.GenerationChangedPredicate{}},
		},
	})
}

type reconciler struct {
	fleet  loop.Fleet
	issuer string
	now    func() time.Time
}

func (r *reconciler) reconcile(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.BindableResourcesRequest) (time.Duration, error) {
	if !request.DeletionTimestamp.IsZero() {
		return 0, nil
	}
	if finished, expires, left := expiry(request, r.now()); finished {
		if expires && left <= 0 {
			return 0, expire(ctx, scope, request)
		}
		return left, nil
	}
	v, err := r.serve(ctx, scope, request)
	if err != nil {
		return 0, err
	}
	report(request, v, r.now())
	if _, _, left := expiry(request, r.now()); left > 0 {
		return left, nil
	}
	return v.again, nil
}

// serve goes through the steps of a bind as far as they go today.
func (r *reconciler) serve(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.BindableResourcesRequest) (verdict, error) {
	consumer := consumerOf(request)
	if v := judgeConsumer(binding.CheckConsumer(consumer, r.issuer, "")); !v.proceed() {
		return v, nil
	}
	template, v, err := findTemplate(ctx, scope, request)
	if err != nil || !v.proceed() {
		return v, err
	}
	if !underWay(request) {
		if v, err := checkSecret(ctx, scope, request); err != nil || !v.proceed() {
			return v, err
		}
	}
	place, err := r.fleet.Provider.Place(ctx, scope.Cluster, consumer)
	if err != nil {
		return judgePlace(err)
	}
	request.Status.Namespace = place.Namespace
	if template != nil {
		there, err := r.fleet.Scope(ctx, place.Cluster)
		if err != nil {
			return verdict{}, err
		}
		if v, err := bind(ctx, there, request, template); err != nil || !v.proceed() {
			return v, err
		}
	}
	return r.writeAnswer(ctx, scope, request, place)
}

// consumerOf is whom a request asks for: it is the consumer of whoever asks from this namespace.
func consumerOf(request *kubebindv1alpha2.BindableResourcesRequest) providers.Consumer {
	identity := request.Spec.ClusterIdentity
	return providers.Consumer{
		Identity: identity.Identity, Requester: request.Namespace, Author: request.Spec.Author, PrettyName: cmp.Or(identity.PrettyName, request.Name),
	}
}

// findTemplate reads a template that the cache does not have from the server: a request that is answered too early fails for good.
func findTemplate(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.BindableResourcesRequest) (*kubebindv1alpha2.APIServiceExportTemplate, verdict, error) {
	if request.Spec.TemplateRef == nil {
		return nil, verdict{}, nil
	}
	name := request.Spec.TemplateRef.Name
	template := &kubebindv1alpha2.APIServiceExportTemplate{}
	err := scope.Get(ctx, client.ObjectKey{Name: name}, template)
	if apierrors.IsNotFound(err) {
		err = scope.Live.Get(ctx, client.ObjectKey{Name: name}, template)
	}
	if apierrors.IsNotFound(err) {
		return nil, failed(kubebindv1alpha2.ReasonTemplateNotFound,
			"there is no APIServiceExportTemplate %q; ask again with the name of one that exists", name), nil
	} else if err != nil {
		return nil, verdict{}, fmt.Errorf("reading the template: %w", err)
	}
	return template, verdict{}, nil
}

// checkSecret reads from the server: the cache does not hold other people's Secrets.
func checkSecret(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.BindableResourcesRequest) (verdict, error) {
	have := &corev1.Secret{}
	err := scope.Live.Get(ctx, client.ObjectKey{Namespace: request.Namespace, Name: secretRefOf(request).Name}, have)
	if apierrors.IsNotFound(err) {
		return judgeSecret(request, nil), nil
	} else if err != nil {
		return verdict{}, fmt.Errorf("reading the Secret for the answer: %w", err)
	}
	return judgeSecret(request, have), nil
}

// bind grants the template to the consumer, and asks for its export. As long as the cache knows that this was done and is being
// looked at, nothing is read: an event comes with each change.
func bind(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.BindableResourcesRequest, template *kubebindv1alpha2.APIServiceExportTemplate) (verdict, error) {
	want := exportRequestFor(request, template, request.Status.Namespace)
	have := &kubebindv1alpha2.APIServiceExportRequest{}
	if err := scope.Get(ctx, client.ObjectKeyFromObject(want), have); client.IgnoreNotFound(err) != nil {
		return verdict{}, fmt.Errorf("reading the request for the export: %w", err)
	} else if v := judgeExportRequest(want, have); err == nil && have.DeletionTimestamp.IsZero() && v.wait != nil {
		return v, nil
	}
	if err := binding.Grant(ctx, scope, request.Status.Namespace, template.Name); err != nil {
		return judgePlace(err)
	}
	have, err := standing(ctx, scope, want)
	if err == nil && have == nil {
		have = want.DeepCopy()
		err = scope.Create(ctx, have)
	}
	if err != nil {
		return verdict{}, fmt.Errorf("asking for the export: %w", err)
	}
	return judgeExportRequest(want, have), nil
}

// standing is what was asked for already, or nil. What is outdated is withdrawn.
func standing(ctx context.Context, scope loop.Scope, want *kubebindv1alpha2.APIServiceExportRequest) (*kubebindv1alpha2.APIServiceExportRequest, error) {
	have := &kubebindv1alpha2.APIServiceExportRequest{}
	if err := scope.Live.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if !outdated(want, have) {
		return have, nil
	}
	asSeen := client.Preconditions{UID: &have.UID, ResourceVersion: &have.ResourceVersion}
	return nil, client.IgnoreNotFound(scope.Delete(ctx, have, asSeen))
}

// writeAnswer creates the Secret, or brings one up to date that an earlier try has made.
func (r *reconciler) writeAnswer(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.BindableResourcesRequest, place *providers.Place) (verdict, error) {
	want, err := answer(request, place)
	if err != nil {
		return verdict{}, err
	}
	if err := scope.Create(ctx, want.DeepCopy()); apierrors.IsAlreadyExists(err) {
		have := &corev1.Secret{}
		if err := scope.Live.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
			return verdict{}, fmt.Errorf("reading the Secret for the answer: %w", err)
		}
		if v := judgeSecret(request, have); !v.proceed() {
			return v, nil
		}
		have.Data = want.Data
		if err := scope.Update(ctx, have); err != nil {
			return verdict{}, fmt.Errorf("writing the Secret for the answer: %w", err)
		}
	} else if err != nil {
		return verdict{}, fmt.Errorf("writing the Secret for the answer: %w", err)
	}
	ref := secretRefOf(request)
	request.Status.KubeconfigSecretRef = &ref
	return verdict{}, nil
}

func expire(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.BindableResourcesRequest) error {
	uid := request.UID
	if err := client.IgnoreNotFound(scope.Delete(ctx, request, client.Preconditions{UID: &uid})); err != nil {
		return fmt.Errorf("deleting the finished request: %w", err)
	}
	return nil
}

func (r *reconciler) showError(request *kubebindv1alpha2.BindableResourcesRequest, reason, message string) {
	if reason == kubebindv1alpha2.ReasonError {
		reason = kubebindv1alpha2.ReasonHandleResourcesFailed
	}
	report(request, waiting(reason, "%s", message), r.now())
}

// askersOf returns the unfinished requests that an export request was made for.
func askersOf(ctx context.Context, scope loop.Scope, export client.Object) ([]types.NamespacedName, error) {
	return unfinished(ctx, scope, func(r *kubebindv1alpha2.BindableResourcesRequest) bool {
		// Right after the start its place is not known to the cache yet.
		return r.Name == export.GetName() && (r.Status.Namespace == "" || r.Status.Namespace == export.GetNamespace())
	})
}

// waiters returns the requests that could not get a place, when a namespace changes that may have been in the way.
func waiters(ctx context.Context, scope loop.Scope, _ client.Object) ([]types.NamespacedName, error) {
	return unfinished(ctx, scope, func(r *kubebindv1alpha2.BindableResourcesRequest) bool { return r.Status.Namespace == "" })
}

// binders returns the requests for a template.
func binders(ctx context.Context, scope loop.Scope, template client.Object) ([]types.NamespacedName, error) {
	return unfinished(ctx, scope, func(r *kubebindv1alpha2.BindableResourcesRequest) bool {
		return r.Spec.TemplateRef != nil && r.Spec.TemplateRef.Name == template.GetName()
	})
}

func unfinished(ctx context.Context, scope loop.Scope, wanted func(*kubebindv1alpha2.BindableResourcesRequest) bool) ([]types.NamespacedName, error) {
	var list kubebindv1alpha2.BindableResourcesRequestList
	if err := scope.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing bind requests: %w", err)
	}
	var out []types.NamespacedName
	for i := range list.Items {
		r := &list.Items[i]
		if finished, _, _ := expiry(r, time.Time{}); !finished && wanted(r) {
			out = append(out, client.ObjectKeyFromObject(r))
		}
	}
	return out, nil
}
