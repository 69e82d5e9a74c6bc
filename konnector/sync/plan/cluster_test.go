// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// clusters is a consumer and a provider with one object each, and executes actions as API servers do, as far as plans
// depend on it: preconditions, finalizers, and server-side apply of fields that one manager owns.
type clusters struct {
	consumer, provider *unstructured.Unstructured
	// applied is what our manager owns of the provider object.
	applied map[string]any
	// prunesNulls says that nulls are dropped by both.
	prunesNulls bool
	version     int
}

func (c *clusters) input() Input {
	return Input{Consumer: c.consumer, Provider: c.provider, Target: ready(), Policy: policy()}
}

func (c *clusters) next() string {
	c.version++
	return strconv.Itoa(1000 + c.version)
}

// execute is an error when a precondition does not hold.
func (c *clusters) execute(a Action) error {
	switch a.Kind {
	case AddFinalizer, RemoveFinalizer:
		return c.patchFinalizers(a)
	case PatchStatus:
		return c.patchStatus(a)
	case Create:
		if c.provider != nil || a.Object.GetUID() != "" || a.Object.GetResourceVersion() != "" {
			return fmt.Errorf("create of %s with uid %q", a.Key, a.Object.GetUID())
		}
		c.provider = &unstructured.Unstructured{Object: map[string]any{}}
		c.provider.SetUID(types.UID("made-" + c.next()))
		return c.apply(a)
	case Apply:
		if c.provider == nil || c.provider.GetUID() != a.UID || a.Object.GetUID() != a.UID || keyOf(c.provider) != a.Key {
			return fmt.Errorf("apply to %s with uid %q", a.Key, a.Object.GetUID())
		}
		return c.apply(a)
	case Delete:
		return c.delete(a)
	case Report:
		return nil
	}
	return fmt.Errorf("unknown action %s", a.Kind)
}

func (c *clusters) patchFinalizers(a Action) error {
	var patch struct {
		Metadata struct {
			UID             types.UID `json:"uid"`
			ResourceVersion string    `json:"resourceVersion"`
			Finalizers      []string  `json:"finalizers"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(a.Patch, &patch); err != nil {
		return fmt.Errorf("decoding patch: %w", err)
	}
	m := patch.Metadata
	if c.consumer == nil || m.UID != c.consumer.GetUID() || m.UID != a.UID ||
		m.ResourceVersion != c.consumer.GetResourceVersion() || m.ResourceVersion != a.ResourceVersion || keyOf(c.consumer) != a.Key {
		return fmt.Errorf("precondition of %s does not hold: %s", a.Kind, a.Patch)
	}
	if c.consumer = c.consumer.DeepCopy(); c.consumer.GetDeletionTimestamp() != nil {
		if len(m.Finalizers) == 0 {
			c.consumer = nil
			return nil
		}
		for _, f := range m.Finalizers {
			if !slices.Contains(c.consumer.GetFinalizers(), f) {
				return fmt.Errorf("finalizer %s is new on a terminating object", f)
			}
		}
	}
	c.consumer.SetFinalizers(m.Finalizers)
	c.consumer.SetResourceVersion(c.next())
	return nil
}

func (c *clusters) patchStatus(a Action) error {
	var patch []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := json.Unmarshal(a.Patch, &patch); err != nil || len(patch) != 2 {
		return fmt.Errorf("patch %s: %w", a.Patch, err)
	}
	test, change := patch[0], patch[1]
	if c.consumer == nil || test.Op != "test" || test.Path != "/metadata/uid" || test.Value != string(c.consumer.GetUID()) ||
		keyOf(c.consumer) != a.Key || change.Path != "/status" {
		return fmt.Errorf("precondition does not hold: %s", a.Patch)
	}
	_, has := c.consumer.Object["status"]
	c.consumer = c.consumer.DeepCopy()
	switch {
	case change.Op == "add":
		c.consumer.Object["status"] = c.stored(change.Value)
	case change.Op == "remove" && has:
		delete(c.consumer.Object, "status")
	default:
		return fmt.Errorf("patch does not apply: %s", a.Patch)
	}
	c.consumer.SetResourceVersion(c.next())
	return nil
}

func (c *clusters) delete(a Action) error {
	if c.provider == nil || c.provider.GetUID() != a.UID || keyOf(c.provider) != a.Key {
		return fmt.Errorf("delete of %s with uid %q", a.Key, a.UID)
	}
	if len(c.provider.GetFinalizers()) == 0 {
		c.provider, c.applied = nil, nil
		return nil
	}
	c.provider = c.provider.DeepCopy()
	now := metav1.Unix(2000, 0)
	c.provider.SetDeletionTimestamp(&now)
	return nil
}

// apply is server-side apply by a manager that owns what it applied last; all lists are atomic.
func (c *clusters) apply(a Action) error {
	want, ok := c.stored(a.Object.Object).(map[string]any)
	if !ok {
		return fmt.Errorf("object of %s cannot be sent", a.Kind)
	}
	unstructured.RemoveNestedField(want, "metadata", "uid")
	live := c.provider.DeepCopy()
	removeOwned(live.Object, c.applied, want)
	merge(live.Object, want)
	live.SetResourceVersion(c.next())
	c.provider, c.applied = live, want
	if keyOf(live) != a.Key {
		return fmt.Errorf("object %s is applied to %s", keyOf(live), a.Key)
	}
	return nil
}

// stored is the value after it was sent and stored.
func (c *clusters) stored(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	v = decoded(data)
	if c.prunesNulls {
		v = withoutNulls(v)
	}
	return v
}

func removeOwned(live, owned, want map[string]any) {
	for name, value := range owned {
		inner, isMap := value.(map[string]any)
		liveInner, isMapToo := live[name].(map[string]any)
		wanted, has := want[name]
		switch {
		case isMap && isMapToo:
			wantedInner, _ := wanted.(map[string]any)
			removeOwned(liveInner, inner, wantedInner)
			if !has && len(liveInner) == 0 {
				delete(live, name)
			}
		case !has:
			delete(live, name)
		}
	}
}

func merge(live, want map[string]any) {
	for name, value := range want {
		inner, isMap := value.(map[string]any)
		liveInner, isMapToo := live[name].(map[string]any)
		if isMap && isMapToo {
			merge(liveInner, inner)
			continue
		}
		live[name] = value
	}
}
