// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/connection"
	"kube-bind.io/kube-bind/konnector/routing"
	"kube-bind.io/kube-bind/konnector/schema"
)

const (
	// drainRetry is how soon a binding that drains is looked at again: the objects that go do not wake its controller.
	drainRetry = time.Second
	// letGoRetry is that for objects that can only be let go here, because the provider knows this cluster no more.
	letGoRetry = 10 * time.Second
	// objectsPage is how many objects are read at a time.
	objectsPage = 500
)

// unbind takes a binding that is being deleted to its end: its objects and CRDs go, and claimed objects are taken back. It
// deletes the CRDs itself: the garbage collector would do so only once the binding is gone, and with it the syncers (W19).
func (c *Controller) unbind(ctx context.Context, f Facts, session *connection.Session) (ctrl.Result, error) {
	ending, err := c.ending(ctx, f)
	if apierrors.IsForbidden(err) {
		err = errors.Join(err, c.writeStatus(ctx, f.Binding, unseenStatus(Decide(f).Status, f, err)))
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	halt := forced(f.Binding) || removed(f) || ending.Drained
	ending.Halted = halt && (session == nil || session.Halt(f.Binding.Name))
	way := decideEnd(f, ending)
	if session != nil && way.Sync {
		c.syncToTheEnd(f, way, session)
	}
	if way.RemoveSchemas {
		err = c.removeSchemas(ctx, f, ending.Halted)
	}
	if err == nil && way.Release {
		err = c.release(ctx, f.Binding)
	}
	if err == nil && way.Done {
		c.pool.Drop(f.Binding.Name)
		return ctrl.Result{}, client.IgnoreNotFound(c.writer.Finalizers(ctx, f.Binding, kubebindv1alpha2.BindingFinalizer, controllerutil.RemoveFinalizer))
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
	e := Ending{Objects: map[string]int64{}, Some: map[string][]string{}, Drained: true}
	err := c.eachSchema(ctx, f.Binding, func(h held) error {
		count, some, err := c.count(ctx, h)
		if err == nil && (count > 0 || h.owned) {
			e.Objects[h.crd.Name], e.Some[h.crd.Name] = count, some
			e.Drained = e.Drained && h.shared && count == 0
		}
		return err
	})
	e.Drained = e.Drained && len(e.Objects) > 0
	return e, err
}

// held is a CRD that a binding brought, or shares with others.
type held struct {
	crd     *apiextensionsv1.CustomResourceDefinition
	binding string
	table   routing.Table
	// place is the one whose copies of the provider's objects go as well; none if empty.
	place types.UID
	// owned says that the binding is one of its owners, shared that there are others.
	owned, shared bool
}

// carries says whether an object goes with the binding.
func (h held) carries(o metav1.Object) bool {
	copied := h.place != "" && o.GetAnnotations()[kubebindv1alpha2.PlaceUIDAnnotation] == string(h.place)
	return !h.shared || copied || h.table.Carrier(o) == h.binding
}

// eachSchema visits the CRDs that a binding brought and that are still there. One that it does not own any more it shared
// with others, and may have objects in.
func (c *Controller) eachSchema(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding, visit func(held) error) error {
	for _, bound := range binding.Status.BoundSchemas {
		crd, err := get(ctx, c.live, client.ObjectKey{Name: bound.ResourceGroupName()}, &apiextensionsv1.CustomResourceDefinition{})
		if err != nil {
			return err
		}
		bindings, err := c.bindings(ctx, crd)
		if err != nil {
			return err
		}
		members := members(crd, bound.GroupResource, bindings)
		h := held{crd: crd, binding: binding.Name, table: tableOf(members), owned: schema.Ours(crd, binding) != nil}
		h.shared = slices.ContainsFunc(members, func(m *kubebindv1alpha2.APIServiceBinding) bool { return m.UID != binding.UID })
		if crd == nil || !h.owned && !h.shared {
			continue
		}
		if err := visit(h); err != nil {
			return err
		}
	}
	return nil
}

// someNames is how many of the objects that are left are named.
const someNames = 3

// count is how many objects go with the binding, and the names of some.
func (c *Controller) count(ctx context.Context, h held) (count int64, some []string, err error) {
	add := func(o *metav1.PartialObjectMetadata) {
		if count++; count <= someNames {
			some = append(some, strings.TrimPrefix(client.ObjectKeyFromObject(o).String(), "/"))
		}
	}
	if h.shared {
		err = c.eachObject(ctx, h, func(o *metav1.PartialObjectMetadata) error { add(o); return nil })
		return count, some, err
	}
	objects, err := c.objects(ctx, h.crd, client.Limit(someNames))
	if err != nil {
		return 0, nil, err
	}
	for i := range objects.Items {
		add(&objects.Items[i])
	}
	return count + ptr.Deref(objects.RemainingItemCount, 0), some, nil
}

// eachObject visits the objects that go with the binding, a page at a time.
func (c *Controller) eachObject(ctx context.Context, h held, visit func(*metav1.PartialObjectMetadata) error) error {
	for next := ""; ; {
		objects, err := c.objects(ctx, h.crd, client.Limit(objectsPage), client.Continue(next))
		if err != nil {
			return err
		}
		for i := range objects.Items {
			if o := &objects.Items[i]; h.carries(o) {
				if err := visit(o); err != nil {
					return err
				}
			}
		}
		if next = objects.Continue; next == "" {
			return nil
		}
	}
}

// objects lists objects of a CRD. One that the API server does not serve has none that could be listed.
func (c *Controller) objects(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, opts ...client.ListOption) (*metav1.PartialObjectMetadataList, error) {
	if !schema.Established(crd) {
		return &metav1.PartialObjectMetadataList{}, nil
	}
	list, err := c.list(ctx, crd, opts...)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("listing the objects of %s: %w", crd.Name, err)
	}
	return list, nil
}

// list is the API server's own answer. A CRD of which no version is served has none of them either.
func (c *Controller) list(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, opts ...client.ListOption) (*metav1.PartialObjectMetadataList, error) {
	list := &metav1.PartialObjectMetadataList{}
	version, ok := schema.SyncedVersion(crd)
	if !ok {
		return list, nil
	}
	list.SetGroupVersionKind(runtimeschema.GroupVersionKind{Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.Kind + "List"})
	return list, c.live.List(ctx, list, opts...)
}

// removeSchemas deletes the CRDs that a binding brought, and with them all objects. From one that others need as well only
// the objects that go with the binding are deleted, and then it is left.
func (c *Controller) removeSchemas(ctx context.Context, f Facts, halted bool) error {
	return c.eachSchema(ctx, f.Binding, func(h held) error {
		if h.shared {
			return c.leave(ctx, f, h, halted)
		}
		if h.crd.DeletionTimestamp != nil {
			return nil
		}
		if err := c.client.Delete(ctx, h.crd, client.Preconditions{UID: &h.crd.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting CustomResourceDefinition %s: %w", h.crd.Name, err)
		}
		return nil
	})
}

// leave also deletes what the provider shares by claims here. Nothing may sync for the binding when it leaves, or an object
// that was carried since would be lost.
func (c *Controller) leave(ctx context.Context, f Facts, h held, halted bool) error {
	left := false
	if halted {
		h.place = f.Health.Place
	}
	err := c.eachObject(ctx, h, func(o *metav1.PartialObjectMetadata) error {
		left = true
		if o.DeletionTimestamp != nil {
			return nil
		}
		err := c.client.Delete(ctx, o, client.Preconditions{UID: &o.UID})
		if err = ignoreConflict(err); err != nil {
			return fmt.Errorf("deleting %s: %w", client.ObjectKeyFromObject(o), err)
		}
		return nil
	})
	if err != nil || left || !halted || !h.owned {
		return err
	}
	// The resourceVersion keeps two from leaving at a time, each for the sake of the other.
	if err := c.client.Update(ctx, schema.Left(h.crd, f.Binding), client.FieldOwner(kubebindv1alpha2.FieldManager)); err != nil {
		return fmt.Errorf("leaving CustomResourceDefinition %s to other bindings: %w", h.crd.Name, err)
	}
	return nil
}

// letGo releases objects that their users delete, when no syncer can because the provider knows this cluster no more.
func (c *Controller) letGo(ctx context.Context, f Facts) (ctrl.Result, error) {
	if !removed(f) || f.Health.Synced {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: letGoRetry}, c.release(ctx, f.Binding)
}

// release takes the syncer's finalizer from objects that are being deleted. Nothing may sync them.
func (c *Controller) release(ctx context.Context, binding *kubebindv1alpha2.APIServiceBinding) error {
	return c.eachSchema(ctx, binding, func(h held) error {
		return c.eachObject(ctx, h, func(o *metav1.PartialObjectMetadata) error {
			if o.DeletionTimestamp == nil || !slices.Contains(o.Finalizers, kubebindv1alpha2.SyncerFinalizer) {
				return nil
			}
			return c.releaseOne(ctx, o)
		})
	})
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
