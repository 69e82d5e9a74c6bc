// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// claimWorld is two sides with one object each, or none.
type claimWorld struct {
	in Claim
	// given says that an object was its side's own before, and who labelled it as the other's, or marked it as a copy.
	log []string
}

// claimWorlds visits every combination of what matters.
func claimWorlds(visit func(name string, in Claim)) {
	labels := []string{"", kubebindv1alpha2.OwnerConsumer, kubebindv1alpha2.OwnerProvider}
	contents := []string{"1", "2"}
	var here, there []*unstructured.Unstructured
	here, there = append(here, nil), append(there, nil)
	for _, l := range labels {
		for _, content := range contents {
			for _, mark := range []change{nil, copiedDown(), copiedElsewhere()} {
				here = append(here, dressed(claimedObject(content), l, mark))
			}
			for _, mark := range []change{nil, copiedUp(), func(o *unstructured.Unstructured) { copiedUp()(o); ofOtherCluster()(o) }} {
				there = append(there, dressed(inProvider(content), l, mark))
			}
		}
	}
	for i, h := range here {
		for j, p := range there {
			for claims := range 4 {
				visit(fmt.Sprintf("%d-%d-%d", i, j, claims), claim(h.DeepCopy(), p.DeepCopy(), claims&1 > 0, claims&2 > 0))
			}
		}
	}
}

func dressed(o *unstructured.Unstructured, owner string, mark change) *unstructured.Unstructured {
	if owner != "" {
		owned(owner)(o)
	}
	if mark != nil {
		mark(o)
	}
	return o
}

// do executes one action as an API server would, as far as it matters here.
func (w *claimWorld) do(a Action) error {
	object := &w.in.Provider
	if !a.OnProvider() {
		object = &w.in.Consumer
	}
	w.log = append(w.log, sides([]Action{a}))
	switch a.Kind {
	case Delete:
		*object = nil
		return nil
	case Create:
		if *object != nil {
			return fmt.Errorf("there is an object already")
		}
		*object = a.Object
		(*object).SetUID("uid-new")
		(*object).SetResourceVersion("9")
		return nil
	case Apply:
		merge((*object).Object, a.Object.Object)
		return nil
	case Mark:
		return patched(*object, a.Patch, jsonpatch.MergePatch)
	case Prune:
		return patched(*object, a.Patch, func(doc, patch []byte) ([]byte, error) {
			p, err := jsonpatch.DecodePatch(patch)
			if err != nil {
				return nil, err
			}
			return p.Apply(doc)
		})
	}
	return fmt.Errorf("%s is not expected", a.Kind)
}

func patched(object *unstructured.Unstructured, patch []byte, apply func(doc, patch []byte) ([]byte, error)) error {
	doc, err := json.Marshal(object.Object)
	if err != nil {
		return err
	}
	after, err := apply(doc, patch)
	if err != nil {
		return err
	}
	object.Object = nil
	return json.Unmarshal(after, &object.Object)
}

// In every world: it comes to rest; nothing is overwritten or deleted that its side neither marked as a copy nor labelled
// as the other's; who is the owner keeps the object; what is shared is the same on both sides.
func TestClaimedProperties(t *testing.T) {
	n := 0
	claimWorlds(func(name string, in Claim) {
		n++
		w := &claimWorld{in: in}
		before := fmt.Sprintf("consumer %s (claimed %v)\nprovider %s (claimed %v)", jsonOf(t, in.Consumer), in.ConsumerClaimed, jsonOf(t, in.Provider), in.ProviderClaimed)
		if err := w.settle(); err != nil {
			t.Errorf("%s: %v\n%s\n%v", name, err, before, w.log)
		}
	})
	if n < 1000 {
		t.Errorf("only %d worlds", n)
	}
}

func (w *claimWorld) settle() error {
	for range 8 {
		actions := Claimed(w.in)
		if rests(actions) {
			return w.rested(actions)
		}
		if len(actions) > 2 || len(actions) == 2 && actions[0].Here == actions[1].Here {
			return fmt.Errorf("more than one write to a side: %s", sides(actions))
		}
		for _, a := range actions {
			if writes := a.Kind == Apply || a.Kind == Delete || a.Kind == Prune; writes && !w.given(a) {
				return fmt.Errorf("%s of what is somebody's own", sides([]Action{a}))
			}
			if err := w.do(a); err != nil {
				return fmt.Errorf("%s: %w", sides([]Action{a}), err)
			}
		}
	}
	return fmt.Errorf("it does not come to rest")
}

// given says that the object of an action is marked as a copy of this place's, or, for anything but a deletion, labelled as
// the other side's and nobody's copy.
func (w *claimWorld) given(a Action) bool {
	object, mark, want, other := w.in.Provider, kubebindv1alpha2.ConsumerClusterAnnotation, string(cluster), kubebindv1alpha2.OwnerConsumer
	if a.Here {
		object, mark, want, other = w.in.Consumer, kubebindv1alpha2.PlaceUIDAnnotation, string(placeUID), kubebindv1alpha2.OwnerProvider
	}
	has := object.GetAnnotations()[mark]
	return has == want || a.Kind != Delete && has == "" && object.GetLabels()[kubebindv1alpha2.OwnerLabel] == other
}

func rests(actions []Action) bool {
	return len(actions) == 0 || len(actions) == 1 && actions[0].Kind == Report
}

// rested sees that what is claimed and not reported is the same on both sides, or awaited from the other.
func (w *claimWorld) rested(actions []Action) error {
	here, there := w.in.parties()
	if len(actions) > 0 || !here.present() || !there.present() {
		return nil
	}
	from, to, known := ownerOf(here, there)
	if known && from.claimed && !to.elsewhere && !equal(from.object.Object["data"], to.object.Object["data"]) {
		return fmt.Errorf("the two sides differ")
	}
	return nil
}
