// SPDX-License-Identifier: Apache-2.0

package enclosure

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync"
)

// Controller makes the bindings that Secrets enclose.
type Controller struct {
	client   client.Client
	recorder events.EventRecorder
}

// Register adds a Controller to the manager, whose cache has the Secrets that may enclose bindings, and no others.
func Register(mgr ctrl.Manager, recorder events.EventRecorder) error {
	c := &Controller{client: mgr.GetClient(), recorder: recorder}
	wanted := predicate.NewPredicateFuncs(func(o client.Object) bool {
		secret, ok := o.(*corev1.Secret)
		if !ok {
			return false
		}
		_, found := pending(secret)
		return found
	})
	return ctrl.NewControllerManagedBy(mgr).For(&corev1.Secret{}, builder.WithPredicates(wanted)).Named("enclosure").Complete(c)
}

// Reconcile makes the bindings of one Secret, and notes that they were made. What cannot be read is an Event on the Secret.
func (c *Controller) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	secret := &corev1.Secret{}
	if err := c.client.Get(ctx, req.NamespacedName, secret); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	note, wanted := pending(secret)
	if !wanted {
		return ctrl.Result{}, nil
	}
	bindings, err := enclosed(secret)
	if err != nil {
		c.tell(secret, "The annotation %s cannot be used: %v.", kubebindv1alpha2.BindingsAnnotation, err)
		return ctrl.Result{}, nil
	}
	for i := range bindings {
		if err := c.bind(ctx, secret, &bindings[i]); err != nil {
			return ctrl.Result{}, err
		}
	}
	before := secret.DeepCopy()
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, kubebindv1alpha2.BindingsMadeAnnotation, note)
	if err := c.client.Patch(ctx, secret, client.MergeFrom(before), client.FieldOwner(kubebindv1alpha2.FieldManager)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("noting that the bindings of Secret %s are made: %w", req, err))
	}
	return ctrl.Result{}, nil
}

// bind makes a binding. One that is there stays as it is, and one that the API server refuses is told of.
func (c *Controller) bind(ctx context.Context, secret *corev1.Secret, b *kubebindv1alpha2.APIServiceBinding) error {
	ref := b.Spec.KubeconfigSecretRef
	err := c.client.Create(ctx, b, client.FieldOwner(kubebindv1alpha2.FieldManager))
	switch {
	case apierrors.IsAlreadyExists(err):
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(b), b); err == nil && b.Spec.KubeconfigSecretRef != ref {
			c.tell(secret, "There is an APIServiceBinding %s already, with another Secret; it is left as it is.", b.Name)
		}
		return nil
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		c.tell(secret, "The APIServiceBinding %s cannot be made: %v", b.Name, err)
		return nil
	case err != nil:
		return fmt.Errorf("making the binding %s of Secret %s/%s: %w", b.Name, secret.Namespace, secret.Name, err)
	}
	return nil
}

func (c *Controller) tell(secret *corev1.Secret, format string, args ...any) {
	c.recorder.Eventf(secret, nil, corev1.EventTypeWarning, kubebindv1alpha2.ReasonEnclosedBindingsFailed, "Bind", "%s", sync.EventNote(fmt.Sprintf(format, args...)))
}
