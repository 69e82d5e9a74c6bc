// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// pairs is how many pairs of objects TestProperties generates.
const pairs = 120_000

// TestProperties plans for generated pairs of objects until nothing is left to write, and looks at every plan on the way.
// PLAN_SEED repeats a run.
func TestProperties(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PLAN_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("PLAN_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("PLAN_SEED=%d", seed)
	seen := map[string]int{}
	for i := range uint64(pairs) {
		g := generator{rand.New(rand.NewPCG(seed, i))}
		c, whose := g.clusters()
		if err := settles(c, whose, seen); err != nil {
			t.Fatalf("pair %d of seed %d: %v\nconsumer %s\nprovider %s", i, seed, err, jsonOf(t, c.consumer), jsonOf(t, c.provider))
		}
	}
	t.Logf("plans: %v", seen)
	for k := AddFinalizer; k <= Report; k++ {
		if seen[k.String()] < pairs/1000 {
			t.Errorf("only %d plans had %s: the generator is of no use", seen[k.String()], k)
		}
	}
}

// settles checks all plans from one pair on. whose is the owner of the provider object, known from its making.
func settles(c *clusters, whose ownership, seen map[string]int) error {
	const rounds = 3
	done := map[Kind]bool{}
	for round := 0; ; round++ {
		in := c.input()
		actions, err := planned(in)
		if err != nil {
			return err
		}
		if err := safe(in, whose, actions); err != nil {
			return fmt.Errorf("round %d: %s: %w", round, line(actions), err)
		}
		writes := 0
		for _, a := range actions {
			seen[a.Kind.String()]++
			if a.Kind == Report {
				continue
			}
			writes++
			if done[a.Kind] {
				return fmt.Errorf("round %d: %s again, nothing else having happened: not idempotent", round, a.Kind)
			}
			done[a.Kind] = true
			if err := c.execute(a); err != nil {
				return fmt.Errorf("round %d: %s: %w", round, line(actions), err)
			}
			if a.Kind == Create {
				whose = ours
			}
		}
		if writes == 0 {
			return atRest(c, whose)
		}
		if round == rounds {
			return fmt.Errorf("still %s after %d rounds: does not converge", line(actions), rounds)
		}
	}
}

// planned plans twice, and looks whether that changed the input.
func planned(in Input) ([]Action, error) {
	before := Input{Consumer: in.Consumer.DeepCopy(), Provider: in.Provider.DeepCopy(), Target: in.Target, Policy: in.Policy}
	if in.Consumer == nil {
		before.Consumer = nil
	}
	if in.Provider == nil {
		before.Provider = nil
	}
	actions := Object(in)
	if !reflect.DeepEqual(in, before) {
		return nil, fmt.Errorf("the input was changed from %v", before)
	}
	if again := Object(in); !reflect.DeepEqual(actions, again) {
		return nil, fmt.Errorf("two plans for one input: %s and %s", line(actions), line(again))
	}
	return actions, nil
}

func safe(in Input, whose ownership, actions []Action) error {
	consumerWrites, providerWrites := 0, 0
	for _, a := range actions {
		if a.Kind.OnConsumer() {
			consumerWrites++
		}
		if a.Kind.OnProvider() {
			providerWrites++
		}
		if (a.Kind == Apply || a.Kind == Delete || a.Kind == PatchStatus) && whose != ours {
			return fmt.Errorf("%s, but the provider object is not ours", a.Kind)
		}
		if a.Kind == RemoveFinalizer && whose == ours && in.Provider != nil {
			return fmt.Errorf("finalizer removed while the copy is there")
		}
		if a.Kind == Create && in.Provider != nil {
			return fmt.Errorf("create although there is an object")
		}
		if (a.UID == "") != (a.Kind == Create) {
			return fmt.Errorf("%s with uid %q", a.Kind, a.UID)
		}
		if (a.ResourceVersion != "") != (a.Kind == AddFinalizer || a.Kind == RemoveFinalizer) {
			return fmt.Errorf("%s with resourceVersion %q", a.Kind, a.ResourceVersion)
		}
	}
	if consumerWrites > 1 || providerWrites > 1 {
		return fmt.Errorf("%d writes to the consumer, %d to the provider", consumerWrites, providerWrites)
	}
	if !slices.IsSortedFunc(actions, func(a, b Action) int { return int(a.Kind) - int(b.Kind) }) {
		return fmt.Errorf("wrong order")
	}
	return nil
}

// atRest says what is wrong with a state in which nothing is planned.
func atRest(c *clusters, whose ownership) error {
	in := c.input()
	copied := in.Provider != nil && whose == ours
	switch {
	case in.Consumer == nil || terminating(in.Consumer) && !finalized(in.Consumer):
		if in.Consumer == nil && copied && !terminating(in.Provider) {
			return fmt.Errorf("a copy is left over")
		}
		return nil
	case terminating(in.Consumer):
		if !copied || !terminating(in.Provider) {
			return fmt.Errorf("the finalizer stays for ever")
		}
		return nil
	case in.Provider == nil:
		return fmt.Errorf("there is no copy")
	case !copied || terminating(in.Provider):
		return nil
	case !finalized(in.Consumer):
		return fmt.Errorf("the finalizer is missing")
	case !equal(in.Consumer.Object["status"], in.Provider.Object["status"]):
		return fmt.Errorf("the status differs")
	}
	return carried(in)
}

// carried looks for what should have arrived, and for what should have gone, in another way than inSync.
func carried(in Input) error {
	have := in.Provider.DeepCopy()
	for name, value := range in.Consumer.Object {
		if name != "metadata" && name != "status" && !subset(value, have.Object[name]) {
			return fmt.Errorf("field %s did not arrive", name)
		}
	}
	labels := in.Consumer.GetLabels()
	for key, value := range labels {
		if have.GetLabels()[key] != value && key != kubebindv1alpha2.OwnerLabel {
			return fmt.Errorf("label %s did not arrive", key)
		}
	}
	for key := range have.GetLabels() {
		if _, found := labels[key]; !found && key != "provider" {
			return fmt.Errorf("label %s did not go", key)
		}
	}
	spec, _ := in.Consumer.Object["spec"].(map[string]any)
	live, _ := have.Object["spec"].(map[string]any)
	for name := range live {
		if _, found := spec[name]; !found && name != "provider" {
			return fmt.Errorf("field spec.%s did not go", name)
		}
	}
	return nil
}

// generator makes pairs of objects that may occur, most of them related.
type generator struct{ *rand.Rand }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g generator) clusters() (*clusters, ownership) {
	c := &clusters{consumer: g.consumer(), prunesNulls: g.chance(50)}
	whose := nobodys
	if g.chance(75) {
		whose = g.provider(c)
	}
	switch {
	case g.chance(15):
		c.consumer = nil
		if whose == ours && c.provider.GetAnnotations()[kubebindv1alpha2.ConsumerClusterAnnotation] == "" {
			whose = otherCluster // an upstream copy can only be told by the consumer object
		}
	case g.chance(20):
		if len(c.consumer.GetFinalizers()) == 0 {
			c.consumer.SetFinalizers([]string{"someone.else/finalizer"})
		}
		deleted()(c.consumer)
	}
	return c, whose
}

func (g generator) consumer() *unstructured.Unstructured {
	o := object(with(g.value(3), "spec"))
	if g.chance(30) {
		o.Object["data"] = g.value(2)
	}
	for _, key := range []string{"l1", "l2", kubebindv1alpha2.OwnerLabel} {
		if g.chance(40) {
			label(key, g.word())(o)
		}
	}
	for _, key := range []string{"a1", kubebindv1alpha2.ProviderUIDAnnotation, kubebindv1alpha2.ClusterNamespaceAnnotation} {
		if g.chance(40) {
			annotation(key, g.word())(o)
		}
	}
	if g.chance(20) {
		finalizedBy("someone.else/finalizer")(o)
	}
	if g.chance(60) {
		synced()(o)
	}
	if g.chance(50) {
		o.Object["status"] = g.value(2)
	}
	return o
}

// provider puts an object on the provider that was made from the consumer object as it was before, and says whose it is.
func (g generator) provider(c *clusters) ownership {
	before := c.consumer.DeepCopy()
	if g.chance(50) {
		before = g.consumer()
	}
	before.SetUID(c.consumer.GetUID())
	for _, a := range Object(Input{Consumer: before, Target: ready(), Policy: policy()}) {
		if a.Kind == Create {
			if err := c.execute(a); err != nil {
				panic(err)
			}
		}
	}
	o := c.provider
	if g.chance(50) {
		o.Object["status"] = g.value(2)
	}
	if g.chance(30) && c.consumer.Object["status"] != nil {
		o.Object["status"] = c.stored(c.consumer.Object["status"])
	}
	g.drift(o)
	whose := g.mark(o)
	if g.chance(30) {
		finalizedBy("provider/finalizer")(o)
		if g.chance(60) {
			deleted()(o)
		}
	}
	return whose
}

// drift is what others do to the copy.
func (g generator) drift(o *unstructured.Unstructured) {
	if g.chance(30) {
		label("provider", "x")(o)
	}
	spec, _ := o.Object["spec"].(map[string]any)
	if spec == nil || g.chance(60) {
		return
	}
	spec["provider"] = g.value(1)
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		if g.chance(30) {
			spec[name] = g.value(0)
		}
		if g.chance(20) {
			delete(spec, name)
		}
	}
}

func (g generator) mark(o *unstructured.Unstructured) ownership {
	switch g.IntN(12) {
	case 0:
		unmarked()(o)
		return foreign
	case 1:
		ofOtherPlace()(o)
		return foreign
	case 2:
		withoutAnnotation(kubebindv1alpha2.ClusterNamespaceAnnotation)(o)
		return foreign
	case 3:
		ofOtherCluster()(o)
		return otherCluster
	case 4:
		ofUpstreamFor("uid-9")(o)
		return otherCluster
	case 5:
		annotation(kubebindv1alpha2.ConsumerClusterAnnotation, "")(o)
		return otherCluster
	case 6:
		ofUpstream()(o)
		return ours
	}
	return ours
}

func (g generator) word() string { return string(rune('a' + g.IntN(4))) }

func (g generator) value(depth int) any {
	kinds := 10
	if depth == 0 {
		kinds = 7
	}
	switch g.IntN(kinds) {
	case 0:
		return nil
	case 1, 2:
		return int64(g.IntN(3))
	case 3:
		return float64(g.IntN(6)) / 2
	case 4:
		return g.chance(50)
	case 5, 6:
		return g.word()
	case 7:
		list := make([]any, g.IntN(3))
		for i := range list {
			list[i] = g.value(depth - 1)
		}
		return list
	}
	fields := map[string]any{}
	for range g.IntN(4) {
		fields[g.word()] = g.value(depth - 1)
	}
	return fields
}
