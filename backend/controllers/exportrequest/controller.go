// SPDX-License-Identifier: Apache-2.0

package exportrequest

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
)

// Register adds the controller to the fleet. Exports are made under these terms.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexportrequests,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexportrequests/status,verbs=get;patch;update
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexports;apiservicenamespaces,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexporttemplates;clusterbindings,verbs=get;list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch
func Register(fleet loop.Fleet, terms catalog.Terms) error {
	r := &reconciler{fleet: fleet, terms: terms, now: time.Now}
	return loop.Register(fleet, loop.Controller[*kubebindv1alpha2.APIServiceExportRequest]{
		Name:      "exportrequest",
		Reconcile: r.reconcile,
		Fail:      showError,
		Ready:     loop.ReadyOf[*kubebindv1alpha2.APIServiceExportRequest],
		Watches:   append(fleet.SchemaWatches(usersOf), loop.Watch{Object: &kubebindv1alpha2.APIServiceExport{}, Keys: loop.SameName}),
	})
}

type reconciler struct {
	fleet loop.Fleet
	terms catalog.Terms
	now   func() time.Time
}

func (r *reconciler) reconcile(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest) (time.Duration, error) {
	if !request.DeletionTimestamp.IsZero() {
		return 0, nil
	}
	if finished, left := expiry(request, r.now()); finished {
		withdrawn, err := isWithdrawn(ctx, scope, request)
		if err != nil || left > 0 && !withdrawn {
			return left, err
		}
		return 0, expire(ctx, scope, request)
	}
	f, err := r.read(ctx, scope, request)
	if err != nil {
		return 0, err
	}
	d := decide(f)
	if f.export == nil || d.phase == kubebindv1alpha2.PhaseFailed {
		if d, err = r.confirm(ctx, scope, f); err != nil {
			return 0, err
		}
	}
	if err := act(ctx, scope, request, d); err != nil {
		return 0, err
	}
	report(&request.Status, d)
	_, left := expiry(request, r.now())
	return max(left, 0), nil
}

// read gathers the facts, as the caches know them.
func (r *reconciler) read(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest) (facts, error) {
	f := facts{request: request, terms: r.terms}
	var err error
	if f.granted, err = r.granted(ctx, scope, request.Namespace, cached); err != nil {
		return facts{}, err
	}
	if f.sources, err = r.fleet.Schemas(ctx, scope, request.Spec.Resources); err != nil {
		return facts{}, err
	}
	f.export, err = exportOf(ctx, scope, request)
	return f, err
}

// confirm decides again what has consequences that stay: what the consumer was granted, and what it has, is read from the server, as
// a request that is answered too early fails for good, and one that is answered too late gives what was taken away.
func (r *reconciler) confirm(ctx context.Context, scope loop.Scope, f facts) (decision, error) {
	var err error
	if f.granted, err = r.granted(ctx, scope, f.request.Namespace, live); err != nil {
		return decision{}, err
	}
	if f.export, err = exportOf(ctx, scope.Live, f.request); err != nil {
		return decision{}, err
	}
	return decide(f), nil
}

// exportOf is the export of a request's name, or nil.
func exportOf(ctx context.Context, from client.Reader, request *kubebindv1alpha2.APIServiceExportRequest) (*kubebindv1alpha2.APIServiceExport, error) {
	export := &kubebindv1alpha2.APIServiceExport{}
	if err := from.Get(ctx, client.ObjectKeyFromObject(request), export); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the export: %w", err)
	}
	return export, nil
}

// cached and live are where to read from.
func cached(scope loop.Scope) client.Reader { return scope.Client }
func live(scope loop.Scope) client.Reader   { return scope.Live }

// granted are the templates that a consumer was granted, as far as they exist.
func (r *reconciler) granted(ctx context.Context, scope loop.Scope, namespace string, from func(loop.Scope) client.Reader) ([]kubebindv1alpha2.APIServiceExportTemplate, error) {
	binding := &kubebindv1alpha2.ClusterBinding{}
	key := client.ObjectKey{Namespace: namespace, Name: kubebindv1alpha2.ClusterBindingName}
	if err := from(scope).Get(ctx, key, binding); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the ClusterBinding: %w", err)
	}
	names, err := catalog.Granted(binding)
	if err != nil {
		return nil, err
	}
	host, err := r.fleet.Host(ctx, scope)
	if err != nil {
		return nil, err
	}
	var out []kubebindv1alpha2.APIServiceExportTemplate
	for _, name := range names {
		var template kubebindv1alpha2.APIServiceExportTemplate
		if err := from(host).Get(ctx, client.ObjectKey{Name: name}, &template); err == nil {
			out = append(out, template)
		} else if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading the template %s: %w", name, err)
		}
	}
	return out, nil
}

// act makes what the decision wants to be there. What exists is left as it is.
func act(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest, d decision) error {
	missing, err := missingOf(ctx, scope, d.namespaces)
	if err != nil || d.create == nil && len(missing) == 0 {
		return err
	}
	if stands, err := stillStands(ctx, scope, request); err != nil || !stands {
		return err
	}
	if d.create != nil {
		if err := client.IgnoreAlreadyExists(scope.Create(ctx, d.create)); err != nil {
			return fmt.Errorf("creating the export: %w", err)
		}
	}
	for i := range missing {
		if err := client.IgnoreAlreadyExists(scope.Create(ctx, &missing[i])); err != nil {
			return fmt.Errorf("creating the namespace %s of the template: %w", missing[i].Name, err)
		}
	}
	return nil
}

// missingOf are those of some namespaces that the cache does not have.
func missingOf(ctx context.Context, scope loop.Scope, want []kubebindv1alpha2.APIServiceNamespace) (out []kubebindv1alpha2.APIServiceNamespace, err error) {
	for i := range want {
		err := scope.Get(ctx, client.ObjectKeyFromObject(&want[i]), &kubebindv1alpha2.APIServiceNamespace{})
		if apierrors.IsNotFound(err) {
			out = append(out, want[i])
		} else if err != nil {
			return nil, fmt.Errorf("reading the namespace %s of the template: %w", want[i].Name, err)
		}
	}
	return out, nil
}

// stillStands asks the server whether a request is still made and not answered yet. Who withdraws an export deletes its request and
// then the export, or the export alone if the request is answered: a cache that knows of the second and not yet of the first must not
// bring the export back.
func stillStands(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest) (bool, error) {
	now := &kubebindv1alpha2.APIServiceExportRequest{}
	if err := scope.Live.Get(ctx, client.ObjectKeyFromObject(request), now); apierrors.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("reading the request again: %w", err)
	}
	finished, _ := expiry(now, time.Time{})
	return now.UID == request.UID && now.DeletionTimestamp.IsZero() && !finished, nil
}

// isWithdrawn tells whether the export is no more that a request has become. As long as such a request stood, who binds again would be
// told that all is well.
func isWithdrawn(ctx context.Context, scope loop.Scope, request *kubebindv1alpha2.APIServiceExportRequest) (bool, error) {
	if request.Status.Phase != kubebindv1alpha2.PhaseSucceeded {
		return false, nil
	}
	export, err := exportOf(ctx, scope, request)
	if err == nil && export == nil {
		export, err = exportOf(ctx, scope.Live, request)
	}
	return export == nil, err
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

// usersOf returns the unfinished requests that are about resources.
func usersOf(ctx context.Context, scope loop.Scope, about func([]kubebindv1alpha2.ExportedResource) bool) ([]loop.Key, error) {
	var requests kubebindv1alpha2.APIServiceExportRequestList
	if err := scope.List(ctx, &requests); err != nil {
		return nil, fmt.Errorf("listing export requests: %w", err)
	}
	var out []loop.Key
	for i := range requests.Items {
		r := &requests.Items[i]
		if r.Status.Phase != kubebindv1alpha2.PhaseSucceeded && r.Status.Phase != kubebindv1alpha2.PhaseFailed && about(r.Spec.Resources) {
			out = append(out, client.ObjectKeyFromObject(r))
		}
	}
	return out, nil
}
