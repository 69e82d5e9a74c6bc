// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/record"
)

// eventAction is the action of the Events on bundles.
const eventAction = "Bundle"

// poolRetry is how soon a bundle is looked at again when connections cannot run yet.
const poolRetry = time.Second

// Controller reconciles APIServiceBindingBundles.
type Controller struct {
	client client.Client
	live   client.Reader
	pool   *connection.Pool
	writer record.Writer
}

// Register adds a Controller to the manager. The signal wakes it for what connections announce.
func Register(mgr ctrl.Manager, pool *connection.Pool, signal *connection.Signal, recorder events.EventRecorder, metrics *record.Metrics) error {
	c := &Controller{client: mgr.GetClient(), live: mgr.GetAPIReader(), pool: pool, writer: record.Writer{
		// Its message names the bindings concerned.
		Client: mgr.GetClient(), Recorder: recorder, Action: eventAction, Ready: "All exports are bound.", EveryMessage: true,
		Kind: "APIServiceBindingBundle", Metrics: metrics,
	}}
	return ctrl.NewControllerManagedBy(mgr).
		For(&kubebindv1alpha2.APIServiceBindingBundle{}).
		Watches(&kubebindv1alpha2.APIServiceBinding{}, handler.EnqueueRequestsFromMapFunc(c.allBundles)).
		WatchesRawSource(signal.Source()).
		Named("bundle").
		Complete(c)
}

// allBundles wakes all, whosever the binding is: a foreign one that goes frees its name for them. There are few of them,
// and a look at one costs no request.
func (c *Controller) allBundles(ctx context.Context, _ client.Object) []reconcile.Request {
	bundles := &kubebindv1alpha2.APIServiceBindingBundleList{}
	if err := c.client.List(ctx, bundles); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot list bundles")
		return nil
	}
	out := make([]reconcile.Request, 0, len(bundles.Items))
	for i := range bundles.Items {
		out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&bundles.Items[i])})
	}
	return out
}

// Reconcile makes the bindings of one bundle what they should be, and says in its status how that goes.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	bundle := &kubebindv1alpha2.APIServiceBindingBundle{}
	if err := c.client.Get(ctx, req.NamespacedName, bundle); err != nil {
		if apierrors.IsNotFound(err) {
			c.pool.DropBundle(req.Name)
			c.writer.Forget(req.Name)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("reading the bundle: %w", err)
	}
	if bundle.DeletionTimestamp == nil {
		if err := c.writer.Finalizers(ctx, bundle, kubebindv1alpha2.BundleFinalizer, controllerutil.AddFinalizer); err != nil {
			return ctrl.Result{}, err
		}
	}
	conn := c.pool.UseForBundle(bundle.Name, bundle.Spec.KubeconfigSecretRef)
	if conn == nil {
		return ctrl.Result{RequeueAfter: poolRetry}, nil
	}
	facts, remainsErr, err := c.gather(ctx, bundle, conn)
	if err != nil {
		unknown := Decision{Status: *bundle.Status.DeepCopy()}
		unknown.failed(err)
		return ctrl.Result{}, errors.Join(err, c.writeStatus(ctx, bundle, unknown.Status))
	}
	decision := Decide(facts)
	if decision.Done {
		c.pool.DropBundle(bundle.Name)
		return ctrl.Result{}, client.IgnoreNotFound(c.writer.Finalizers(ctx, bundle, kubebindv1alpha2.BundleFinalizer, controllerutil.RemoveFinalizer))
	}
	err = errors.Join(remainsErr, c.act(ctx, bundle, decision))
	if err != nil {
		decision.failed(err)
	}
	return ctrl.Result{RequeueAfter: decision.LookAgain}, errors.Join(err, c.writeStatus(ctx, bundle, decision.Status))
}

// act does what was decided. What somebody else has just changed is looked at again when the cache has it.
func (c *Controller) act(ctx context.Context, bundle *kubebindv1alpha2.APIServiceBindingBundle, d Decision) error {
	var errs []error
	for _, name := range d.Bind {
		if err := c.bind(ctx, bundle, name); !apierrors.IsAlreadyExists(err) {
			errs = append(errs, err)
		}
	}
	unsettled := map[string]bool{}
	for _, b := range d.Annotate {
		if err := c.passOnPolicy(ctx, bundle, b); client.IgnoreNotFound(err) != nil {
			unsettled[b.Name] = true
			errs = append(errs, err)
		}
	}
	for _, b := range d.Unbind {
		// It must not go by another policy than the bundle's.
		if unsettled[b.Name] {
			continue
		}
		if err := c.client.Delete(ctx, b, client.Preconditions{UID: &b.UID}); client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("deleting the binding %s: %w", b.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (c *Controller) bind(ctx context.Context, bundle *kubebindv1alpha2.APIServiceBindingBundle, name string) error {
	b := &kubebindv1alpha2.APIServiceBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       kubebindv1alpha2.APIServiceBindingSpec{KubeconfigSecretRef: bundle.Spec.KubeconfigSecretRef},
	}
	if policy, set := bundle.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]; set && policyValid(bundle) {
		metav1.SetMetaDataAnnotation(&b.ObjectMeta, kubebindv1alpha2.DeletionPolicyAnnotation, policy)
	}
	if err := controllerutil.SetControllerReference(bundle, b, c.client.Scheme()); err != nil {
		return fmt.Errorf("making the bundle the owner of the binding %s: %w", name, err)
	}
	if err := c.client.Create(ctx, b, client.FieldOwner(kubebindv1alpha2.FieldManager)); err != nil {
		return fmt.Errorf("making the binding %s: %w", name, err)
	}
	return nil
}

// passOnPolicy makes a binding's deletion policy that of the bundle.
func (c *Controller) passOnPolicy(ctx context.Context, bundle *kubebindv1alpha2.APIServiceBindingBundle, b *kubebindv1alpha2.APIServiceBinding) error {
	after := b.DeepCopy()
	if policy, set := bundle.Annotations[kubebindv1alpha2.DeletionPolicyAnnotation]; set {
		metav1.SetMetaDataAnnotation(&after.ObjectMeta, kubebindv1alpha2.DeletionPolicyAnnotation, policy)
	} else {
		delete(after.Annotations, kubebindv1alpha2.DeletionPolicyAnnotation)
	}
	if err := c.client.Patch(ctx, after, client.MergeFrom(b), client.FieldOwner(kubebindv1alpha2.FieldManager)); err != nil {
		return fmt.Errorf("passing the deletion policy on to the binding %s: %w", b.Name, err)
	}
	return nil
}

func (c *Controller) writeStatus(ctx context.Context, bundle *kubebindv1alpha2.APIServiceBindingBundle, status kubebindv1alpha2.APIServiceBindingBundleStatus) error {
	before := bundle.DeepCopy()
	bundle.Status = status
	return c.writer.Status(ctx, before, bundle)
}
