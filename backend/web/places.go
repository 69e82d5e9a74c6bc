// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// seenParameter is what the page knows already: see bound.Seen.
const seenParameter = "seen"

// bound is what the page of bindings shows.
type bound struct {
	Places []shownPlace
	// Summary says in a sentence how it all is.
	Summary string
	// Seen changes whenever anything that is shown does.
	Seen string
}

// health is how something is, in a word or two, and with a colour.
type health struct {
	// Colour is good, bad, or waiting.
	Colour, Word string
}

// shownPlace is a cluster that something was bound for.
type shownPlace struct {
	Name, Namespace, Identity, Konnector string
	Health                               health
	// Heartbeat is when it was last heard of.
	Heartbeat string
	// Message says what is wrong.
	Message string
	Exports []shownExport
}

// shownExport is a binding.
type shownExport struct {
	Name       string
	Resources  []string
	Health     health
	Conditions []shownCondition
}

// shownCondition is one aspect of a binding.
type shownCondition struct {
	Aspect  string
	Health  health
	Message string
}

// bindings shows what somebody has bound. A page that is there already is told only what is new.
func (s *Site) bindings(v *visit) error {
	places, err := v.guest.Places(v.r.Context())
	if err != nil {
		return err
	}
	main, err := newBound(places, time.Now())
	if err != nil {
		return err
	}
	if v.r.Header.Get("HX-Request") != "" && v.r.URL.Query().Get(seenParameter) == main.Seen {
		v.w.Header().Set("Cache-Control", "no-store")
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	s.show(v, showing{name: "bindings", title: "My bindings", main: main})
	return nil
}

func newBound(places []Place, now time.Time) (bound, error) {
	out := bound{}
	bindings, good := 0, 0
	for i := range places {
		shown := showPlace(&places[i], now)
		for _, e := range shown.Exports {
			bindings++
			if e.Health.Colour == "good" && shown.Health.Colour == "good" {
				good++
			}
		}
		out.Places = append(out.Places, shown)
	}
	out.Summary = summary(bindings, good)
	raw, err := json.Marshal(out)
	if err != nil {
		return out, fmt.Errorf("reading the bindings: %w", err)
	}
	sum := sha256.Sum256(raw)
	out.Seen = hex.EncodeToString(sum[:8])
	return out, nil
}

func summary(bindings, good int) string {
	switch {
	case bindings == 0:
		return "Nothing is bound."
	case bindings == 1 && good == 1:
		return "Your binding works."
	case bindings == good:
		return fmt.Sprintf("All %d bindings work.", bindings)
	case bindings == 1:
		return "Your binding does not work yet."
	}
	return fmt.Sprintf("%d of %d bindings work.", good, bindings)
}

func showPlace(p *Place, now time.Time) shownPlace {
	status := p.Binding.Status
	out := shownPlace{
		Name: p.Name(), Namespace: p.Binding.Namespace, Konnector: status.KonnectorVersion,
		Identity: p.Binding.Annotations[kubebindv1alpha2.IdentityAnnotation],
		Health:   health{Colour: "waiting", Word: "Waiting for its konnector"}, Heartbeat: "never",
	}
	if p.Own {
		out.Name, out.Identity = "Bound with a manifest", ""
	}
	if beat := status.LastHeartbeatTime; beat != nil {
		out.Heartbeat = ago(now.Sub(beat.Time))
	}
	healthy := kubebindv1alpha2.FindCondition(status.Conditions, kubebindv1alpha2.ConditionHealthy)
	if healthy != nil && healthy.Status == metav1.ConditionTrue {
		out.Health = health{Colour: "good", Word: "Connected"}
	}
	if healthy != nil && healthy.Status == metav1.ConditionFalse && status.LastHeartbeatTime != nil {
		out.Health = health{Colour: "bad", Word: "Not connected"}
		out.Message = cmp.Or(healthy.Message, healthy.Reason)
	}
	for i := range p.Exports {
		out.Exports = append(out.Exports, showExport(&p.Exports[i]))
	}
	return out
}

func showExport(e *kubebindv1alpha2.APIServiceExport) shownExport {
	out := shownExport{Name: e.Name, Health: health{Colour: "waiting", Word: "Waiting"}}
	for _, r := range e.Spec.Resources {
		out.Resources = append(out.Resources, r.GroupResource.String())
	}
	for _, c := range e.Status.Conditions {
		// It sums up the others.
		if c.Type == kubebindv1alpha2.ConditionReady {
			out.Health = healthOf(c)
			continue
		}
		shown := shownCondition{Aspect: aspect(c.Type), Health: healthOf(c), Message: c.Message}
		if c.Status != metav1.ConditionTrue {
			shown.Message = cmp.Or(c.Message, c.Reason)
		}
		out.Conditions = append(out.Conditions, shown)
	}
	if e.DeletionTimestamp != nil {
		out.Health = health{Colour: "waiting", Word: "Being removed"}
	}
	return out
}

// aspect is what people call a type of conditions.
func aspect(conditionType string) string {
	words := map[string]string{
		kubebindv1alpha2.ConditionProviderInSync:  "Set up at the provider",
		kubebindv1alpha2.ConditionConnected:       "Known to your cluster",
		kubebindv1alpha2.ConditionConsumerInSync:  "API in your cluster",
		kubebindv1alpha2.ConditionPermissionClaim: "Claims",
	}
	return cmp.Or(words[conditionType], conditionType)
}

func healthOf(c kubebindv1alpha2.Condition) health {
	switch {
	case c.Status == metav1.ConditionTrue:
		return health{Colour: "good", Word: "Ready"}
	case c.Status == metav1.ConditionFalse && c.Severity == kubebindv1alpha2.SeverityError:
		return health{Colour: "bad", Word: "Not ready"}
	}
	return health{Colour: "waiting", Word: "Waiting"}
}

// ago says how long something is past, as roughly as it matters.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return "less than a minute ago"
	case d < 2*time.Minute:
		return "a minute ago"
	case d < time.Hour:
		return fmt.Sprintf("%d minutes ago", d/time.Minute)
	case d < 2*time.Hour:
		return "an hour ago"
	case d < 2*day:
		return fmt.Sprintf("%d hours ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/day)
}
