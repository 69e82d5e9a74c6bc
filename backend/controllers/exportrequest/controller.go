// SPDX-License-Identifier: Apache-2.0

package exportrequest

import (
	"context"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	mcmanager "sigs.k8s.io/multicluster-runtime/pkg/manager"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/backend/source"
)

// Register adds the controller to the manager. Exports are made under these terms.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexportrequests,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexportrequests/status,verbs=get;patch;update
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexports;apiservicenamespaces,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexporttemplates;clusterbindings,verbs=get;list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch
func Register(mgr mcmanager.Manager, terms catalog.Terms) error {
	r := &reconciler{terms: terms, now: time.Now}
	return loop.Register(mgr, loop.Controller[*kubebindv1alpha2.APIServiceExportRequest]{
		Name:      "exportrequest",
		Reconcile: r.reconcile,
		Fail:      showError,
		Ready:     loop.ReadyOf[*kubebindv1alpha2.APIServiceExportRequest],
		Watches: []loop.Watch{
			{Object: &kubebindv1alpha2.APIServiceExport{}, Keys: loop.SameName},
			{Object: &apiextensionsv1.CustomResourceDefinition{}, Keys: usersOf},
		},
	})
}

type reconciler struct {
	terms catalog.Terms
	now   func() time.Time
}

func (r *reconciler) reconcile(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest) (time.Duration, error) {
	if !request.DeletionTimestamp.IsZero() {
		return 0, nil
	}
	if finished, left := expiry(request, r.now()); finished && left > 0 {
		return left, nil
	} else if finished {
		return 0, expire(ctx, scope, request)
	}
	f, err := r.read(ctx, scope, request)
	if err != nil {
		return 0, err
	}
	d := decide(f)
	if err := act(ctx, scope, d); err != nil {
		return 0, err
	}
	report(&request.Status, d)
	_, left := expiry(request, r.now())
	return max(left, 0), nil
}

// read gathers the facts. What the consumer was granted is read from the server: a request that is answered too early
// fails for good.
func (r *reconciler) read(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest) (facts, error) {
	f := facts{request: request, terms: r.terms}
	var err error
	if f.granted, err = granted(ctx, scope.Live, request.Namespace); err != nil {
		return facts{}, err
	}
	if f.sources, err = source.Find(ctx, scope, request.Spec.Resources); err != nil {
		return facts{}, err
	}
	export := &kubebindv1alpha2.APIServiceExport{}
	if err := scope.Get(ctx, client.ObjectKeyFromObject(request), export); err == nil {
		f.export = export
	} else if !apierrors.IsNotFound(err) {
		return facts{}, fmt.Errorf("reading the export: %w", err)
	}
	return f, nil
}

func granted(ctx context.Context, reader client.Reader, namespace string) ([]kubebindv1alpha2.APIServiceExportTemplate, error) {
	binding := &kubebindv1alpha2.ClusterBinding{}
	key := client.ObjectKey{Namespace: namespace, Name: kubebindv1alpha2.ClusterBindingName}
	if err := reader.Get(ctx, key, binding); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the ClusterBinding: %w", err)
	}
	names, err := catalog.Granted(binding)
	if err != nil {
		return nil, err
	}
	var out []kubebindv1alpha2.APIServiceExportTemplate
	for _, name := range names {
		var template kubebindv1alpha2.APIServiceExportTemplate
		if err := reader.Get(ctx, client.ObjectKey{Name: name}, &template); err == nil {
			out = append(out, template)
		} else if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading the template %s: %w", name, err)
		}
	}
	return out, nil
}

// act makes what the decision wants to be there. What exists is left as it is.
func act(ctx context.Context, scope loop.Scope, d decision) error {
	if d.create != nil {
		if err := client.IgnoreAlreadyExists(scope.Create(ctx, d.create)); err != nil {
			return fmt.Errorf("creating the export: %w", err)
		}
	}
	for i := range d.namespaces {
		have := &kubebindv1alpha2.APIServiceNamespace{}
		err := scope.Get(ctx, client.ObjectKeyFromObject(&d.namespaces[i]), have)
		if apierrors.IsNotFound(err) {
			err = client.IgnoreAlreadyExists(scope.Create(ctx, &d.namespaces[i]))
		}
		if err != nil {
			return fmt.Errorf("creating the namespace %s of the template: %w", d.namespaces[i].Name, err)
		}
	}
	return nil
}

func expire(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest) error {
	uid := request.UID
	if err := client.IgnoreNotFound(scope.Delete(ctx, request, client.Preconditions{UID: &uid})); err != nil {
		return fmt.Errorf("deleting the finished request: %w", err)
	}
	return nil
}

// showError shows an error that has no answer of its own. The phase stays: the next try may succeed.
func showError(request *kubebindv1alpha2.APIServiceExportRequest, reason, message string) {
	kubebindv1alpha2.SetCondition(&request.Status.Conditions, kubebindv1alpha2.FalseCondition(
		kubebindv1alpha2.ConditionExportsReady, reason, kubebindv1alpha2.SeverityWarning, message))
	kubebindv1alpha2.SetSummary(&request.Status.Conditions)
}

// usersOf returns the unfinished requests for the resource of a CRD.
func usersOf(ctx context.Context, scope loop.Scope, crd client.Object) ([]types.NamespacedName, error) {
	var requests kubebindv1alpha2.APIServiceExportRequestList
	if err := scope.List(ctx, &requests); err != nil {
		return nil, fmt.Errorf("listing export requests: %w", err)
	}
	var out []types.NamespacedName
	for i := range requests.Items {
		r := &requests.Items[i]
		if r.Status.Phase != kubebindv1alpha2.PhaseSucceeded && r.Status.Phase != kubebindv1alpha2.PhaseFailed && source.Uses(r.Spec.Resources, crd) {
			out = append(out, client.ObjectKeyFromObject(r))
		}
	}
	return out, nil
}
