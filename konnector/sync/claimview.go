// SPDX-License-Identifier: Apache-2.0

package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/sync/guard"
	"kube-bind.io/kube-bind/konnector/sync/plan"
)

// maxFollowed is how many single names are watched on one side because something refers to what is not there, or because
// somebody else's object is in the way. Others are looked up every followRetry.
const (
	maxFollowed = 256
	followRetry = 30 * time.Second
)

func (c *ClaimSyncer) reconcile(ctx context.Context, key types.NamespacedName) error {
	in, err := c.claim(ctx, key)
	if err != nil {
		return err
	}
	if !in.ConsumerClaimed && !in.ProviderClaimed && c.currentTerms().Hold {
		return nil
	}
	err = c.do(ctx, key, in.Consumer, plan.Claimed(in))
	var occupied *occupiedError
	if errors.As(err, &occupied) {
		// Nothing that is watched shows what is there.
		if followErr := c.follow(place{occupied.where, occupied.key, key}); followErr != nil {
			return followErr
		}
	}
	return err
}

// claim is what is known of an object. A laterError says that it is not enough to plan on.
func (c *ClaimSyncer) claim(ctx context.Context, key types.NamespacedName) (plan.Claim, error) {
	in := plan.Claim{Key: key, Policy: c.Policy, Place: c.place, ProvidersOnly: c.others}
	terms := c.currentTerms()
	if !c.references.synced() {
		return in, &laterError{staleRetry}
	}
	referenced := c.references.has(key)
	consumer, err := c.look(ctx, place{here, key, key}, referenced)
	if err != nil {
		return in, err
	}
	in.Consumer = consumer.object
	in.ConsumerClaimed = in.Consumer != nil && terms.Selects(key, in.Consumer.GetLabels(), referenced)
	in.Target = c.target(terms, in)
	provider := seen{known: true}
	if in.Target.State == plan.Ready {
		// Where the consumer's object is no copy, creating its copy tells whether something is there.
		lookUp := referenced && (in.Consumer == nil || c.copied(in.Consumer))
		if provider, err = c.look(ctx, place{there, in.Target.Key, key}, lookUp); err != nil {
			return in, err
		}
	}
	in.Provider = provider.object
	in.ProviderClaimed = in.Provider != nil && terms.Selects(key, in.Provider.GetLabels(), referenced)
	if !c.guard.Fresh(key, freshness(in, consumer, provider)) {
		return in, &laterError{staleRetry}
	}
	return in, nil
}

// target is where the provider's object is. A namespace is only asked for if there is something to send.
func (c *ClaimSyncer) target(terms Terms, in plan.Claim) plan.Target {
	if !terms.Unrestricted && !terms.names(in.Key) {
		return plan.Target{State: plan.Refused, Reason: ReasonRejected, Message: "The provider lets nobody look for an object of this name."}
	}
	known := c.Targets.Known(in.Key)
	if known.State == plan.Ready || !in.ConsumerClaimed || c.copied(in.Consumer) {
		return known
	}
	return c.Targets.Target(in.Key)
}

func freshness(in plan.Claim, consumer, provider seen) guard.View {
	view := guard.View{ConsumerRV: consumer.version, ProviderRV: provider.version, NoTarget: in.Target.State != plan.Ready}
	if in.Consumer != nil {
		view.ConsumerUID = in.Consumer.GetUID()
	}
	if in.Provider != nil {
		view.ProviderUID = in.Provider.GetUID()
		view.ProviderTerminating = in.Provider.GetDeletionTimestamp() != nil
	}
	return view
}

// copied says whether a consumer object is a copy of this place's.
func (c *ClaimSyncer) copied(o *unstructured.Unstructured) bool {
	return o.GetAnnotations()[kubebindv1alpha2.PlaceUIDAnnotation] == string(c.place)
}

// place is where one object is or would be.
type place struct {
	where where
	// key is that of the object, consumer that of the consumer's object.
	key, consumer types.NamespacedName
}

// look finds one object. Something that is referred to and not watched is read, once, and if it is not there its name is
// followed.
func (c *ClaimSyncer) look(ctx context.Context, p place, referenced bool) (seen, error) {
	found := c.find(p)
	if !found.known {
		return found, &laterError{staleRetry}
	}
	if found.object == nil && referenced && !c.follows(p) {
		object, err := c.read(ctx, p)
		if err != nil {
			return found, err
		}
		if object == nil {
			return found, c.follow(p)
		}
		if object.GetLabels()[kubebindv1alpha2.OwnerLabel] != "" {
			// The watch of owner labels will show it.
			return found, &laterError{staleRetry}
		}
		found.object = object
	}
	if c.follows(p) && !worthFollowing(found.object, referenced) {
		return found, c.unfollow(p)
	}
	return found, nil
}

// worthFollowing says whether a name is to be watched on: something refers to it and it is not there, or what is there is
// not seen otherwise.
func worthFollowing(object *unstructured.Unstructured, referenced bool) bool {
	if object == nil {
		return referenced
	}
	return object.GetLabels()[kubebindv1alpha2.OwnerLabel] == ""
}

// find looks one object up in all scopes that could show it; if one of them is not known, nothing is. The version is that
// of the scope that shows our own writes: all of them leave an owner label.
func (c *ClaimSyncer) find(p place) seen {
	side := c.consumer
	if p.where == there {
		side = c.provider
	}
	main, others := c.scopesOf(p)
	var out seen
	if main != nil {
		if out = side.in(*main, p.key); !out.known || out.object != nil {
			return out
		}
	}
	for _, s := range others {
		one := side.in(s, p.key)
		if !one.known {
			return seen{}
		}
		if main == nil {
			out.known, out.version = true, one.version
		}
		if one.object != nil && newerObject(one.object, out.object) {
			out.object = one.object
		}
	}
	if main != nil && out.object != nil && out.object.GetLabels()[kubebindv1alpha2.OwnerLabel] != "" {
		// One of the two scopes is behind; its event is under way.
		return seen{}
	}
	return out
}

// scopesOf are the scopes that could show an object: main is that of owner labels, nil if we may not look for them.
func (c *ClaimSyncer) scopesOf(p place) (main *scope, others []scope) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	wide := ""
	if p.where == there {
		wide = p.key.Namespace
	}
	if p.where == here || c.terms.Unrestricted {
		main = &scope{namespace: wide, labels: owned}
	}
	for _, selector := range c.terms.LabelSelectors {
		others = append(others, scope{namespace: wide, labels: selector + unowned})
	}
	_, anywhere := c.terms.byName[types.NamespacedName{Name: p.consumer.Name}]
	_, exactly := c.terms.byName[p.consumer]
	if anywhere {
		others = append(others, scope{namespace: wide, name: p.key.Name})
	}
	seenAnyway := anywhere && p.where == there
	if exactly && !seenAnyway || c.followed[p.where].Has(p.key) {
		others = append(others, scope{namespace: p.key.Namespace, name: p.key.Name})
	}
	return main, others
}

func newerObject(a, b *unstructured.Unstructured) bool {
	if b == nil {
		return true
	}
	order, err := resourceversion.CompareResourceVersion(a.GetResourceVersion(), b.GetResourceVersion())
	return err == nil && order > 0
}

// read reads one object live; nil: it is not there.
func (c *ClaimSyncer) read(ctx context.Context, p place) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	client := c.Consumer
	if p.where == there {
		client = c.Provider
	}
	object, err := at(client.Resource(c.Resource), p.key).Get(ctx, p.key.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading what is referred to: %w", err)
	}
	object.SetManagedFields(nil)
	return object, nil
}

func (c *ClaimSyncer) follows(p place) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.followed[p.where].Has(p.key)
}

// follow watches a single name.
func (c *ClaimSyncer) follow(p place) error {
	c.mu.Lock()
	if !c.followed[p.where].Has(p.key) && len(c.followed[p.where]) >= maxFollowed {
		c.mu.Unlock()
		c.queue.AddAfter(p.consumer, followRetry)
		return nil
	}
	c.followed[p.where].Insert(p.key)
	c.mu.Unlock()
	return c.Retarget()
}

func (c *ClaimSyncer) unfollow(p place) error {
	c.mu.Lock()
	c.followed[p.where].Delete(p.key)
	c.mu.Unlock()
	return c.Retarget()
}

func (c *ClaimSyncer) currentTerms() Terms {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.terms
}
