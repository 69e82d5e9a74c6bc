// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/schema"
)

const (
	// drainRetry is how soon a binding that drains is looked at again: the objects that go do not wake its controller.
	drainRetry = time.Second
	// letGoRetry is that for objects that can only be let go here, because the provider knows this cluster no more.
	letGoRetry = 10 * time.Second
	// releasePage is how many objects are released at a time.
	releasePage = 500
)

// unbind takes a binding that is being deleted to its end: its objects and CRDs go, and claimed objects are taken back. It
// deletes the CRDs itself: the garbage collector would do so only once the binding is gone, and with it the syncers (W19).
func (c *Controller) unbind(ctx context.Context, f Facts, session *connection.Session) (ctrl.Result, error) {
	ending, err := c.ending(ctx, f)
	if err != nil {
		return ctrl.Result{}, err
	}
	halt := forced(f.Binding) || removed(f)
	ending.Halted = halt && (session == nil || session.Halt(f.Binding.Name))
	way := decideEnd(f, ending)
	if session != nil && way.Sync {
		c.syncToTheEnd(f, way, session)
	}
	if way.RemoveSchemas {
		err = c.removeSchemas(ctx, f.Binding)
	}
	if err == nil && way.Release {
		err = c.release(ctx, f.Binding)
	}
	if err == nil && way.Done {
		c.pool.Drop(f.Binding.Name)
		return ctrl.Result{}, client.IgnoreNotFound(c.patchFinalizers(ctx, f.Binding, controllerutil.RemoveFinalizer))
	}
	statusErr := c.writeStatus(ctx, f.Binding, drainingStatus(Decide(f).Status, f, ending, way))
	return ctrl.Result{RequeueAfter: drainRetry}, errors.Join(err, statusErr)
}

// syncToTheEnd lets syncers go on until the objects are gone.
func (c *Controller) syncToTheEnd(f Facts, way Way, session *connection.Session) {
	decision := Decide(f)
	if !decision.Known {
		return
	}
	policy, _ := kubebindv1alpha2.DeletionPolicy(f.Binding)
	for i := range decision.Sync {
		decision.Sync[i].Orphan = policy == kubebindv1alpha2.DeletionPolicyOrphan
	}
	session.Sync(f.Binding.Name, decision.Sync)
	switch {
	case way.TakeBack:
		session.Claim(f.Binding.Name, claimsToTakeBack(f))
	case decision.ClaimsKnown:
		session.Claim(f.Binding.Name, decision.Claims)
	}
}

// ending counts what is left.
func (c *Controller) ending(ctx context.Context, f Facts) (Ending, error) {
	e := Ending{Objects: map[string]int64{}}
	err := c.eachSchema(ctx, f.Binding, func(crd *apiextensionsv1.CustomResourceDefinition) error {
		objects, err := c.objects(ctx, crd, client.Limit(1))
		if err != nil {
			return err
		}
		e.Objects[crd.Name] = int64(len(objects.Items))
		if more := objects.RemainingItemCount; more != nil {
			e.Objects[crd.Name] += *more
		}
		return nil
	})
	return e, err
}

// eachSchema visits the CRDs that a binding brought and that are still there.
func (c *Controller) eachSchema(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding, visit func(*apiextensionsv1.CustomResourceDefinition) error) error {
	for _, bound := range binding.Status.BoundSchemas {
		crd, err := get(ctx, c.live, client.ObjectKey{Name: bound.ResourceGroupName()}, &apiextensionsv1.CustomResourceDefinition{})
		if err != nil {
			return err
		}
		if schema.Ours(crd, binding) == nil {
			continue
		}
		if err := visit(crd); err != nil {
			return err
		}
	}
	return nil
}

// objects lists objects of a CRD. One that the API server does not serve has none that could be listed.
func (c *Controller) objects(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, opts ...client.ListOption) (*metav1.PartialObjectMetadataList, error) {
	list := &metav1.PartialObjectMetadataList{}
	version, ok := schema.SyncedVersion(crd)
	if !ok || !schema.Established(crd) {
		return list, nil
	}
	list.SetGroupVersionKind(runtimeschema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind + "List"})
	if err := c.live.List(ctx, list, opts...); err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("listing the objects of %s: %w", crd.Name, err)
	}
	return list, nil
}

// removeSchemas deletes the CRDs that a binding brought.
func (c *Controller) removeSchemas(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding) error {
	return c.eachSchema(ctx, binding, func(crd *apiextensionsv1.CustomResourceDefinition) error {
		if crd.DeletionTimestamp != nil {
			return nil
		}
		if err := c.client.Delete(ctx, crd, client.Preconditions{UID: &crd.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting CustomResourceDefinition %s: %w", crd.Name, err)
		}
		return nil
	})
}

// letGo releases objects that their users delete, when no syncer can because the provider knows this cluster no more.
func (c *Controller) letGo(ctx context.Context, f Facts) (ctrl.Result, error) {
	if !removed(f) || f.Health.Synced {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: letGoRetry}, c.release(ctx, f.Binding)
}

// release takes the syncer's finalizer from objects that are being deleted, a page at a time. Nothing may sync them.
func (c *Controller) release(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding) error {
	return c.eachSchema(ctx, binding, func(crd *apiextensionsv1.CustomResourceDefinition) error {
		for next := ""; ; {
			objects, err := c.objects(ctx, crd, client.Limit(releasePage), client.Continue(next))
			if err != nil {
				return err
			}
			if err := c.releaseAll(ctx, objects.Items); err != nil {
				return err
			}
			if next = objects.Continue; next == "" {
				return nil
			}
		}
	})
}

func (c *Controller) releaseAll(ctx context.Context, objects []metav1.PartialObjectMetadata) error {
	for i := range objects {
		object := &objects[i]
		if object.DeletionTimestamp == nil || !slices.Contains(object.Finalizers, kubebindv1alpha2.SyncerFinalizer) {
			continue
		}
		if err := c.releaseOne(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

func (c *Controller) releaseOne(ctx context.Context, object *metav1.PartialObjectMetadata) error {
	before := object.DeepCopy()
	controllerutil.RemoveFinalizer(object, kubebindv1alpha2.SyncerFinalizer)
	err := c.client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(kubebindv1alpha2.FieldManager))
	if err = ignoreConflict(err); err != nil {
		return fmt.Errorf("releasing %s: %w", client.ObjectKeyFromObject(object), err)
	}
	return nil
}
