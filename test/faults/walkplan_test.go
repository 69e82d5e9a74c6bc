// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
)

// An itinerary is what happens on a random walk: what users do, and what goes wrong meanwhile. It is a function of its seed,
// so that a walk can be repeated: what is in it does not depend on what comes of it.
type itinerary struct {
	operations []operation
	faults     map[target][]fault
}

// thing is what an object of the walk is.
type thing string

const (
	// cowboy is an object of the bound API: the consumer's, with a status of the provider's.
	cowboy thing = "cowboy"
	// sent is a Secret of the consumer that the provider claims.
	sent thing = "sent"
	// given is a Secret that the provider gives to the consumer, by the same claim.
	given thing = "given"
)

// subject is an object of the walk, by its consumer namespace. Without a name it is the namespace.
type subject struct {
	thing
	namespace, name string
}

// act is what somebody does.
type act string

const (
	makeNamespace   act = "make namespace"
	removeNamespace act = "remove namespace"
	// create, change and remove are the owner's.
	create act = "create"
	change act = "change"
	remove act = "remove"
	// status is the provider's word on a cowboy.
	status act = "status"
	// removeCopy and changeCopy are done by the other side, by hand, to what is not its own.
	removeCopy act = "remove copy"
	changeCopy act = "change copy"
)

// operation is one step of a user's.
type operation struct {
	at time.Duration
	act
	subject
	// value is new content.
	value string
}

func (o operation) String() string { return string(o.act) + " " + o.subject.String() }

// target is what a fault is in.
type target string

const (
	theKonnector target = "konnector"
	theBackend   target = "backend"
	consumerAPI  target = "consumer's API server"
	providerAPI  target = "provider's API server"
	// upLink is between konnector and provider, homeLink between konnector and consumer, backendLink between backend and
	// provider.
	upLink      target = "link konnector-provider"
	homeLink    target = "link konnector-consumer"
	backendLink target = "link backend-provider"
)

// trouble is what goes wrong.
type trouble string

const (
	// stopped is asked to end, killed is ended, frozen does nothing for a while and knows nothing of it.
	stopped trouble = "stopped"
	killed  trouble = "killed"
	frozen  trouble = "frozen"
	// away is an API server that has crashed.
	away trouble = "away"
	// cut, stalled, delayed and throttled is a network: see package proxy.
	cut       trouble = "cut"
	stalled   trouble = "stalled"
	delayed   trouble = "delayed"
	throttled trouble = "throttled"
)

// fault is that something goes wrong for a while.
type fault struct {
	at, lasts time.Duration
	target
	trouble
}

// climate is how often something goes wrong with a target, and how long that lasts.
type climate struct {
	target         target
	troubles       []trouble
	gap, gapMore   time.Duration
	last, lastMore time.Duration
}

func climates() []climate {
	programs, servers, links := []trouble{stopped, killed, frozen}, []trouble{away}, []trouble{cut, stalled, delayed, throttled}
	const s = time.Second
	return []climate{
		{theKonnector, programs, 12 * s, 16 * s, s, 5 * s},
		{theBackend, programs, 10 * s, 14 * s, s, 7 * s},
		{consumerAPI, servers, 25 * s, 30 * s, s, 5 * s},
		{providerAPI, servers, 20 * s, 25 * s, s, 7 * s},
		{upLink, links, 8 * s, 14 * s, s, 7 * s},
		{homeLink, links, 12 * s, 18 * s, s, 5 * s},
		{backendLink, links, 10 * s, 14 * s, s, 7 * s},
	}
}

// Namespaces of the consumer. In home is what is foreign, and it stays; that of taken is a foreign one at the provider.
const (
	home  = "home"
	taken = "taken"
)

func comings() []string { return []string{"comes-and-goes", "now-and-then"} }

// Names of cowboys in home that the provider has objects of, which are not copies of this consumer's.
const (
	foreignName  = "foreign"
	strangerName = "stranger"
)

// shadowed are objects that there can be no copy of: the provider has something else in that place.
func (s subject) shadowed() bool {
	return s.namespace == taken || s.thing == cowboy && (s.name == foreignName || s.name == strangerName)
}

// lasting are objects that nothing but their users removes. What the provider gives goes with its namespace, which follows the
// consumer's at a time that its users do not know.
func (s subject) lasting() bool { return s.thing != given || s.namespace == home }

// subjects are all that there may be, as often as they are to be chosen.
func subjects() []subject {
	var out []subject
	for _, ns := range append(comings(), home, home, taken) {
		for i := range 6 {
			out = append(out, subject{cowboy, ns, fmt.Sprintf("cowboy-%d", i)})
		}
		for i := range 2 {
			out = append(out, subject{sent, ns, fmt.Sprintf("sent-%d", i)})
			if ns != taken {
				out = append(out, subject{given, ns, fmt.Sprintf("given-%d", i)})
			}
		}
	}
	return append(out, subject{cowboy, home, foreignName}, subject{cowboy, home, strangerName})
}

// dice are the same for the same seed.
type dice struct{ *rand.Rand }

func throw(seed uint64, what int) dice {
	return dice{rand.New(rand.NewPCG(seed, uint64(what)))}
}

// between is a duration of at least some time and less than so much more.
func (d dice) between(least, more time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(more)))
}

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

// plan makes the itinerary of a seed. A longer one begins with the shorter.
func plan(seed uint64, length time.Duration) itinerary {
	out := itinerary{operations: operations(seed, length), faults: map[target][]fault{}}
	for i, c := range climates() {
		out.faults[c.target] = c.faults(throw(seed, i+1), length)
	}
	return out
}

// faults are of all troubles of a target, equally often, and do not overlap.
func (c climate) faults(d dice, length time.Duration) []fault {
	var out []fault
	var deck []trouble
	for at := d.between(c.gap/2, c.gapMore); ; {
		if len(deck) == 0 {
			deck = slices.Clone(c.troubles)
			d.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		f := fault{at, d.between(c.last, c.lastMore), c.target, deck[0]}
		if f.at+f.lasts > length {
			return out
		}
		out, deck = append(out, f), deck[1:]
		at += f.lasts + d.between(c.gap, c.gapMore)
	}
}

// operations are mostly such as can be done: if all before came true, and the namespaces were gone and there at once.
func operations(seed uint64, length time.Duration) []operation {
	const least, more = 40 * time.Millisecond, 220 * time.Millisecond
	d, all, there := throw(seed, 0), subjects(), sets.New[subject]()
	var out []operation
	for at := d.between(least, more); at < length; at += d.between(least, more) {
		o := operation{at: at, value: fmt.Sprintf("%d-%d", seed, len(out))}
		switch d.IntN(60) {
		case 0:
			o.act, o.subject = removeNamespace, subject{namespace: pick(d, comings())}
			for s := range there {
				if s.namespace == o.namespace {
					there.Delete(s)
				}
			}
		case 1, 2, 3, 4:
			o.act, o.subject = makeNamespace, subject{namespace: pick(d, comings())}
		default:
			o.subject = pick(d, all)
			o.act = o.next(d, there.Has(o.subject))
		}
		switch o.act {
		case create:
			there.Insert(o.subject)
		case remove:
			there.Delete(o.subject)
		}
		out = append(out, o)
	}
	return out
}

// next is what is done to a subject.
func (s subject) next(d dice, there bool) act {
	switch n := d.IntN(20); {
	case !there:
		return create
	case n < 3:
		return remove
	case n < 9 || s.shadowed():
		return change
	case n < 11:
		return removeCopy
	case n < 13:
		return changeCopy
	case s.thing == cowboy:
		return status
	}
	return change
}
