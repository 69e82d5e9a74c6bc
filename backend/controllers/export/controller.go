// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/binding"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/grants"
	"kube-bind.io/kube-bind/backend/loop"
	"kube-bind.io/kube-bind/providers"
)

// Register adds the controller to the fleet. Every export is looked at again after resync at the latest.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexports,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexports/status,verbs=get;patch;update
// +kubebuilder:rbac:groups=kube-bind.io,resources=boundschemas,verbs=get;list;watch;create;update
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiservicenamespaces;clusterbindings,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings;clusterroles;clusterrolebindings,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicies;validatingadmissionpolicybindings,verbs=get;list;watch;create;update;delete
func Register(fleet loop.Fleet, resync time.Duration) error {
	r := &reconciler{fleet: fleet, resync: resync, now: time.Now}
	c := loop.Controller[*kubebindv1alpha2.APIServiceExport]{
		Name:      "export",
		Reconcile: r.reconcile,
		Gone:      gone,
		Fail:      showError,
		Ready:     loop.ReadyOf[*kubebindv1alpha2.APIServiceExport],
		Watches: append(fleet.SchemaWatches(usersOf), []loop.Watch{
			{Object: &kubebindv1alpha2.APIServiceExport{}, Keys: sharersWith, Filter: onlyDeletions()},
			{Object: &kubebindv1alpha2.BoundSchema{}, Keys: sharersOf, Filter: loop.IgnoreStatus()},
			{Object: &corev1.Namespace{}, Keys: inPlaceOf},
			{Object: &kubebindv1alpha2.APIServiceNamespace{}, Keys: inSamePlace, Filter: loop.IgnoreStatus()},
		}...),
	}
	for _, granted := range []client.Object{
		&rbacv1.Role{}, &rbacv1.RoleBinding{}, &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{},
		&admissionregistrationv1.ValidatingAdmissionPolicy{}, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{},
	} {
		c.Watches = append(c.Watches, loop.Watch{Object: granted, Keys: loop.Keyed(grants.ExportOf)})
	}
	return loop.Register(fleet, c)
}

// lookAgain is when to look again at an export whose contract namespace is going, or has not come to the cache yet.
const lookAgain = time.Second

type reconciler struct {
	fleet  loop.Fleet
	resync time.Duration
	now    func() time.Time
}

func (r *reconciler) reconcile(ctx context.Context, scope loop.Scope, export *kubebindv1alpha2.APIServiceExport) (time.Duration, error) {
	if !export.DeletionTimestamp.IsZero() {
		return 0, nil
	}
	ending, err := binding.Ends(ctx, scope, export.Namespace)
	if err != nil || ending {
		return lookAgain, err
	}
	schemas, refusal, err := r.keepSchemas(ctx, scope, export)
	if err != nil {
		return 0, err
	}
	if again, err := r.serve(ctx, scope, export); err != nil || again > 0 {
		return again, err
	}
	fenceIn, lentIn, err := r.keepGrants(ctx, scope, export, schemas)
	if err != nil {
		return 0, err
	}
	if err := annotate(ctx, scope, export, exportHash(schemas)); err != nil {
		return 0, err
	}
	report(export, inSync(refusal, fenceIn, catalog.Notices(schemas)))
	if again := max(fenceIn, lentIn); again > 0 {
		return again, nil
	}
	return r.resync, nil
}

// serve has the API of the exported resources served where the consumer's objects lie, and returns when to look again if it is
// not yet.
func (r *reconciler) serve(ctx context.Context, scope loop.Scope, export *kubebindv1alpha2.APIServiceExport) (time.Duration, error) {
	err := r.fleet.Provider.Serve(ctx, scope.Cluster, loop.GroupResources(export.Spec.Resources))
	if notReady, ok := errors.AsType[*providers.NotReadyError](err); ok {
		report(export, kubebindv1alpha2.FalseCondition(
			kubebindv1alpha2.ConditionProviderInSync, kubebindv1alpha2.ReasonPending, kubebindv1alpha2.SeverityInfo, notReady.Message))
		return notReady.RetryAfter, nil
	}
	if foreign, ok := errors.AsType[*providers.ForeignError](err); ok {
		return 0, loop.Block(kubebindv1alpha2.ReasonError, "%s", foreign)
	}
	if err != nil {
		return 0, fmt.Errorf("having the API served: %w", err)
	}
	return 0, nil
}

// gone takes the rights of an export away that is no more. That it is no more is asked of the server.
func gone(ctx context.Context, scope loop.Scope, key types.NamespacedName) error {
	err := scope.Live.Get(ctx, key, &kubebindv1alpha2.APIServiceExport{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	return grants.Prune(ctx, scope, key, nil)
}

// keepSchemas makes the BoundSchemas what they should be, and returns those that are there.
func (r *reconciler) keepSchemas(ctx context.Context, scope loop.Scope, export *kubebindv1alpha2.APIServiceExport) ([]kubebindv1alpha2.BoundSchema, *catalog.Refusal, error) {
	sources, err := r.fleet.Schemas(ctx, scope, export.Spec.Resources)
	if err != nil {
		return nil, nil, err
	}
	var all kubebindv1alpha2.APIServiceExportList
	if err := scope.List(ctx, &all, client.InNamespace(export.Namespace)); err != nil {
		return nil, nil, fmt.Errorf("listing the consumer's exports: %w", err)
	}
	terms := catalog.Terms{InformerScope: export.Spec.InformerScope, Isolation: export.Spec.Isolation}
	var first *catalog.Refusal
	var out []kubebindv1alpha2.BoundSchema
	for _, resource := range export.Spec.Resources {
		f := schemaFacts{export: export}
		if f.have, err = boundSchema(ctx, scope, export.Namespace, resource.ResourceGroupName()); err != nil {
			return nil, nil, err
		}
		if f.have != nil {
			f.stale = dropGone(f.have, all.Items)
		}
		f.source, f.refusal = terms.Schema(resource, sources)
		d := decideSchema(f)
		if first == nil {
			first = d.refusal
		}
		if d.want == nil {
			continue
		}
		if err := writeSchema(ctx, scope, f, d); err != nil {
			return nil, nil, err
		}
		out = append(out, *d.want)
	}
	return out, first, nil
}

func writeSchema(ctx context.Context, scope loop.Scope, f schemaFacts, d schemaDecision) error {
	if !d.write {
		return nil
	}
	var err error
	if f.have == nil {
		err = scope.Create(ctx, d.want)
	} else {
		err = scope.Update(ctx, d.want)
	}
	if err != nil {
		return fmt.Errorf("writing the BoundSchema %s: %w", d.want.Name, err)
	}
	return nil
}

// keepGrants gives the consumer its rights and no more, and returns how long it takes until they are complete: all of them, or those in
// namespaces that are lent, which the controller of namespaces waits for.
func (r *reconciler) keepGrants(ctx context.Context, scope loop.Scope, export *kubebindv1alpha2.APIServiceExport, schemas []kubebindv1alpha2.BoundSchema) (fenceIn, lentIn time.Duration, err error) {
	key := client.ObjectKeyFromObject(export)
	var namespaces corev1.NamespaceList
	if err := scope.List(ctx, &namespaces, client.MatchingLabels{kubebindv1alpha2.ContractNamespaceLabel: export.Namespace}); err != nil {
		return 0, 0, fmt.Errorf("listing the consumer's namespaces: %w", err)
	}
	lent, err := lentNamespaces(ctx, scope, export)
	if err != nil {
		return 0, 0, err
	}
	in := grants.Input{
		Export:            key,
		InformerScope:     export.Spec.InformerScope,
		Isolation:         export.Spec.Isolation,
		Resources:         grants.Resources(export.Spec.Isolation, schemas),
		Claims:            export.Spec.PermissionClaims,
		ServiceNamespaces: append(serviceNamespaces(export.Namespace, namespaces.Items), lent...),
		Lent:              lent,
	}
	fence, err := grants.ReadFence(ctx, scope, in)
	if err != nil {
		return 0, 0, err
	}
	in.Fenced, fenceIn = in.Stands(fence, r.now())
	if in.FencesLentOnly() {
		fenceIn, lentIn = 0, fenceIn
	}
	return fenceIn, lentIn, grants.Apply(ctx, scope, scope.Live, key, grants.Desired(in))
}

// annotate puts the hash of the schemas on the export: upstream's konnectors wake up from that.
func annotate(ctx context.Context, scope loop.Scope, export *kubebindv1alpha2.APIServiceExport, hash string) error {
	if export.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] == hash {
		return nil
	}
	changed := export.DeepCopy()
	if changed.Annotations == nil {
		changed.Annotations = map[string]string{}
	}
	changed.Annotations[kubebindv1alpha2.SourceSpecHashAnnotation] = hash
	patch := client.MergeFromWithOptions(export.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if err := scope.Patch(ctx, changed, patch); err != nil {
		return fmt.Errorf("writing the hash of the schemas: %w", err)
	}
	export.ObjectMeta = changed.ObjectMeta
	return nil
}

func showError(export *kubebindv1alpha2.APIServiceExport, reason, message string) {
	report(export, kubebindv1alpha2.FalseCondition(
		kubebindv1alpha2.ConditionProviderInSync, reason, kubebindv1alpha2.SeverityWarning, message))
}
