// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/binding"
	"kube-bind.io/kube-bind/backend/loop"
)

// Register adds the controller to the fleet. isolation is for consumers without exports; prefix starts the names of
// contract namespaces.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiservicenamespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiservicenamespaces/status,verbs=get;patch;update
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexports;boundschemas;clusterbindings,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=get;list;watch
func Register(fleet loop.Fleet, isolation kubebindv1alpha2.Isolation, prefix string) error {
	r := &reconciler{isolation: isolation, prefix: prefix}
	return loop.Register(fleet, loop.Controller[*kubebindv1alpha2.APIServiceNamespace]{
		Name:      "namespace",
		Reconcile: r.reconcile,
		Gone:      remove,
		Fail:      showError,
		Ready:     loop.ReadyOf[*kubebindv1alpha2.APIServiceNamespace],
		Watches: []loop.Watch{
			{Object: &corev1.Namespace{}, Keys: wantersOf},
			{Object: &rbacv1.RoleBinding{}, Keys: inNamespaceOf},
			{Object: &kubebindv1alpha2.APIServiceExport{}, Keys: waitingWith},
		},
	})
}

type reconciler struct {
	isolation kubebindv1alpha2.Isolation
	prefix    string
}

func (r *reconciler) reconcile(ctx context.Context, scope loop.Scope, wanted *kubebindv1alpha2.APIServiceNamespace) (time.Duration, error) {
	if !wanted.DeletionTimestamp.IsZero() {
		return 0, nil
	}
	// Otherwise a namespace would come back as often as the consumer's removal deletes it.
	if ends, err := binding.Ends(ctx, scope, wanted.Namespace); ends || err != nil {
		return 0, err
	}
	var exports kubebindv1alpha2.APIServiceExportList
	if err := scope.List(ctx, &exports, client.InNamespace(wanted.Namespace)); err != nil {
		return 0, fmt.Errorf("listing the consumer's exports: %w", err)
	}
	f := facts{wanted: wanted, isolation: isolationOf(exports.Items, r.isolation), prefix: r.prefix}
	name, refusal := nameFor(wanted, f.isolation, f.prefix)
	if refusal != nil {
		report(&wanted.Status, "", decision{refusal: refusal})
		return 0, nil
	}
	have := &corev1.Namespace{}
	if err := scope.Get(ctx, client.ObjectKey{Name: name}, have); err == nil {
		f.have = have
	} else if !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("reading the namespace %s: %w", name, err)
	}
	var err error
	if f.rightsMissing, err = rightsMissing(ctx, scope, exports.Items, name); err != nil {
		return 0, err
	}
	d := decide(f, name)
	if d.create != nil {
		// If somebody else was faster, the watch brings their namespace, and the mark on it decides.
		if err := client.IgnoreAlreadyExists(scope.Create(ctx, d.create)); err != nil {
			return 0, fmt.Errorf("creating the namespace %s: %w", name, err)
		}
	}
	report(&wanted.Status, name, d)
	return 0, nil
}

// remove deletes the namespaces that were made for an APIServiceNamespace that is no more. That it is no more is asked of
// the server: with the namespace go the consumer's objects.
func remove(ctx context.Context, scope loop.Scope, key types.NamespacedName) error {
	var list corev1.NamespaceList
	if err := scope.List(ctx, &list, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: key.Namespace}); err != nil {
		return fmt.Errorf("listing the consumer's namespaces: %w", err)
	}
	for i := range list.Items {
		ns := &list.Items[i]
		if ns.Annotations[kubebindv1alpha2.APIServiceNamespaceAnnotation] != key.String() || !ns.DeletionTimestamp.IsZero() {
			continue
		}
		if err := scope.Live.Get(ctx, key, &kubebindv1alpha2.APIServiceNamespace{}); !apierrors.IsNotFound(err) {
			return err
		}
		// The resource version too: the mark must still be there.
		uid, version := ns.UID, ns.ResourceVersion
		err := scope.Delete(ctx, ns, client.Preconditions{UID: &uid, ResourceVersion: &version})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting the namespace %s: %w", ns.Name, err)
		}
	}
	return nil
}

func showError(wanted *kubebindv1alpha2.APIServiceNamespace, reason, message string) {
	kubebindv1alpha2.SetCondition(&wanted.Status.Conditions, kubebindv1alpha2.FalseCondition(
		kubebindv1alpha2.ConditionReady, reason, kubebindv1alpha2.SeverityWarning, message))
}

// wantersOf returns the APIServiceNamespace that a namespace was made for, and those that cannot have a namespace because
// of one like it, for when it goes.
func wantersOf(ctx context.Context, scope loop.Scope, namespace client.Object) ([]types.NamespacedName, error) {
	if key, ok := parseMark(namespace); ok {
		return []types.NamespacedName{key}, nil
	}
	return filter(ctx, scope, func(n *kubebindv1alpha2.APIServiceNamespace) bool {
		c := kubebindv1alpha2.FindCondition(n.Status.Conditions, kubebindv1alpha2.ConditionReady)
		return c == nil || c.Reason == kubebindv1alpha2.ReasonNamespaceConflict || n.Status.Namespace == namespace.GetName()
	})
}

func parseMark(namespace client.Object) (types.NamespacedName, bool) {
	contract, name, found := strings.Cut(namespace.GetAnnotations()[kubebindv1alpha2.APIServiceNamespaceAnnotation], "/")
	return types.NamespacedName{Namespace: contract, Name: name}, found
}

// inNamespaceOf returns the APIServiceNamespace whose namespace an export's RoleBinding lies in.
func inNamespaceOf(ctx context.Context, scope loop.Scope, binding client.Object) ([]types.NamespacedName, error) {
	ns := &corev1.Namespace{}
	if err := scope.Get(ctx, client.ObjectKey{Name: binding.GetNamespace()}, ns); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the namespace %s: %w", binding.GetNamespace(), err)
	}
	if key, ok := parseMark(ns); ok {
		return []types.NamespacedName{key}, nil
	}
	// A namespace that the provider lends has its own name.
	if contract := binding.GetLabels()[kubebindv1alpha2.ContractNamespaceLabel]; kubebindv1alpha2.Adoptable(ns, contract) {
		return []types.NamespacedName{{Namespace: contract, Name: ns.Name}}, nil
	}
	return nil, nil
}

// waitingWith returns the APIServiceNamespaces of an export's consumer that are not ready.
func waitingWith(ctx context.Context, scope loop.Scope, export client.Object) ([]types.NamespacedName, error) {
	return filter(ctx, scope, func(n *kubebindv1alpha2.APIServiceNamespace) bool {
		return !kubebindv1alpha2.IsTrue(n.Status.Conditions, kubebindv1alpha2.ConditionReady)
	}, client.InNamespace(export.GetNamespace()))
}

func filter(ctx context.Context, scope loop.Scope, wanted func(*kubebindv1alpha2.APIServiceNamespace) bool, opts ...client.ListOption) ([]types.NamespacedName, error) {
	var list kubebindv1alpha2.APIServiceNamespaceList
	if err := scope.List(ctx, &list, opts...); err != nil {
		return nil, fmt.Errorf("listing APIServiceNamespaces: %w", err)
	}
	var out []types.NamespacedName
	for i := range list.Items {
		if wanted(&list.Items[i]) {
			out = append(out, client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
	return out, nil
}
