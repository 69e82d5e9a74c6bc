// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/schema"
	"kube-bind.io/kube-bind/konnector/sync"
)

// eventAction is the action of the Events on bindings.
const eventAction = "Bind"

// poolRetry is how soon a binding is looked at again when connections cannot run yet.
const poolRetry = time.Second

// Controller reconciles APIServiceBindings.
type Controller struct {
	client   client.Client
	live     client.Reader
	pool     *connection.Pool
	recorder events.EventRecorder
}

// Register adds a Controller to the manager. The signal wakes it for what connections announce.
func Register(mgr ctrl.Manager, pool *connection.Pool, signal *connection.Signal, recorder events.EventRecorder) error {
	c := &Controller{client: mgr.GetClient(), live: mgr.GetAPIReader(), pool: pool, recorder: recorder}
	return c.register(mgr, signal)
}

// Reconcile makes one binding what it should be, and says in its status how that goes.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	binding, err := get(ctx, c.client, req.NamespacedName, &kubebindv1alpha2.APIServiceBinding{})
	if binding == nil || err != nil {
		if err == nil {
			c.pool.Drop(req.Name)
		}
		return ctrl.Result{}, err
	}
	if binding.DeletionTimestamp == nil {
		if err := c.patchFinalizers(ctx, binding, controllerutil.AddFinalizer); err != nil {
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
	if binding.DeletionTimestamp != nil {
		return c.unbind(ctx, facts, session)
	}
	applyErr := c.applySchemas(ctx, &facts)
	decision := Decide(facts)
	if session != nil && decision.Known {
		session.Sync(binding.Name, decision.Sync)
	}
	if session != nil && decision.ClaimsKnown {
		session.Claim(binding.Name, decision.Claims)
	}
	statusErr := c.writeStatus(ctx, binding, decision.Status)
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

func (c *Controller) patchFinalizers(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding, change func(client.Object, string) bool) error {
	before := binding.DeepCopy()
	if !change(binding, kubebindv1alpha2.BindingFinalizer) {
		return nil
	}
	err := c.client.Patch(ctx, binding, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(kubebindv1alpha2.FieldManager))
	if err != nil {
		return fmt.Errorf("patching the finalizers of the binding: %w", err)
	}
	return nil
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
	if equality.Semantic.DeepEqual(binding.Status, status) {
		return nil
	}
	before := binding.DeepCopy()
	binding.Status = status
	err := c.client.Status().Patch(ctx, binding, client.MergeFrom(before), client.FieldOwner(kubebindv1alpha2.FieldManager))
	if err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status of the binding: %w", err))
	}
	c.announce(before, binding)
	return nil
}

// announce records an Event when the summary changes.
func (c *Controller) announce(before, after *kubebindv1alpha2.APIServiceBinding) {
	was := kubebindv1alpha2.FindCondition(before.Status.Conditions, kubebindv1alpha2.ConditionReady)
	is := kubebindv1alpha2.FindCondition(after.Status.Conditions, kubebindv1alpha2.ConditionReady)
	if is == nil || was != nil && was.Status == is.Status && was.Reason == is.Reason {
		return
	}
	switch is.Status {
	case metav1.ConditionTrue:
		c.recorder.Eventf(after, nil, corev1.EventTypeNormal, kubebindv1alpha2.ConditionReady, eventAction, "The binding is ready.")
	case metav1.ConditionFalse:
		if is.Severity != kubebindv1alpha2.SeverityInfo {
			c.recorder.Eventf(after, nil, corev1.EventTypeWarning, is.Reason, eventAction, "%s", sync.EventNote(is.Message))
		}
	case metav1.ConditionUnknown:
	}
}

func ignoreConflict(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
