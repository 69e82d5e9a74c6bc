// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/record"
	"kube-bind.io/kube-bind/konnector/schema"
	"kube-bind.io/kube-bind/konnector/sync"
)

// eventAction is the action of the Events on bindings.
const eventAction = "Bind"

// poolRetry is how soon a binding is looked at again when connections cannot run yet.
const poolRetry = time.Second

// Controller reconciles APIServiceBindings.
type Controller struct {
	client client.Client
	live   client.Reader
	pool   *connection.Pool
	writer record.Writer
}

// Register adds a Controller to the manager. The signal wakes it for what connections announce.
func Register(mgr ctrl.Manager, pool *connection.Pool, signal *connection.Signal, recorder events.EventRecorder, metrics *record.Metrics) error {
	c := &Controller{client: mgr.GetClient(), live: mgr.GetAPIReader(), pool: pool, writer: record.Writer{
		Client: mgr.GetClient(), Recorder: recorder, Action: eventAction, Ready: "The binding is ready.",
		Kind: "APIServiceBinding", Metrics: metrics,
	}}
	return c.register(mgr, signal)
}

// Reconcile makes one binding what it should be, and says in its status how that goes.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	binding, err := get(ctx, c.client, req.NamespacedName, &kubebindv1alpha2.APIServiceBinding{})
	if binding == nil || err != nil {
		if err == nil {
			c.pool.Drop(req.Name)
			c.writer.Forget(req.Name)
		}
		return ctrl.Result{}, err
	}
	if binding.DeletionTimestamp == nil {
		if err := c.writer.Finalizers(ctx, binding, kubebindv1alpha2.BindingFinalizer, controllerutil.AddFinalizer); err != nil {
			return ctrl.Result{}, err
		}
	}
	conn := c.pool.Use(binding.Name, binding.Spec.KubeconfigSecretRef)
	if conn == nil {
		return ctrl.Result{RequeueAfter: poolRetry}, nil
	}
	all, err := c.bindings(ctx, nil)
	if err != nil {
		return ctrl.Result{}, err
	}
	c.pool.Claimants(claimants(all))
	facts, session, err := c.gather(ctx, binding, conn)
	if err != nil {
		return ctrl.Result{}, err
	}
	if session != nil {
		bound, claimed := reviewed(facts)
		session.Reviewed(binding.Name, bound, claimed)
	}
	if binding.DeletionTimestamp != nil {
		return c.unbind(ctx, facts, session)
	}
	applyErr := c.applySchemas(ctx, &facts)
	decision := Decide(facts)
	// The status comes first: how copies lie at the provider is remembered before there are any.
	unremembered := remembersMore(binding.Status, decision.Status)
	statusErr := c.writeStatus(ctx, binding, decision.Status)
	if session != nil && decision.Known && (statusErr == nil || !unremembered) {
		session.Sync(binding.Name, decision.Sync)
	}
	if session != nil && decision.ClaimsKnown {
		session.Claim(binding.Name, decision.Claims)
	}
	if session != nil && !removed(facts) {
		// What the provider is told is only a courtesy: when somebody else writes there too, the next event repairs it.
		err = ignoreConflict(tellProvider(ctx, session.Writer, facts, decision.Status))
	}
	result, releaseErr := c.letGo(ctx, facts)
	if result.RequeueAfter == 0 {
		result.RequeueAfter = decision.Again
	}
	return result, errors.Join(applyErr, statusErr, err, releaseErr)
}

// applySchemas makes the CRDs what they should be. What the API server has against one of them is a fact; errors that are
// no answer are returned as well, to be tried again at once.
func (c *Controller) applySchemas(ctx context.Context, f *Facts) error {
	var errs []error
	for i := range f.Resources {
		r := &f.Resources[i]
		if r.Bound == nil || f.Export == nil {
			continue
		}
		crd, err := schema.Apply(ctx, c.client, r.Step, f.Now)
		if err != nil {
			r.Err = err
			if !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
				errs = append(errs, err)
			}
			continue
		}
		r.CRD = crd
	}
	return errors.Join(errs...)
}

func (c *Controller) writeStatus(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding, status kubebindv1alpha2.APIServiceBindingStatus) error {
	before := binding.DeepCopy()
	binding.Status = status
	if err := c.writer.Status(ctx, before, binding); err != nil {
		return err
	}
	if more := claimedSince(before.Status, status); more != "" {
		c.writer.Recorder.Eventf(binding, nil, corev1.EventTypeWarning, ReasonClaimsChanged, eventAction, "%s", sync.EventNote(more))
	}
	return nil
}

func ignoreConflict(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
