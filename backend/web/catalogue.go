// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Parameters of the catalogue's address.
const (
	queryParameter      = "q"
	collectionParameter = "collection"
)

// catalogue is what the page of the catalogue shows.
type catalogue struct {
	// Query is what is searched for, and Collection where.
	Query      string
	Collection *kubebindv1alpha2.Collection
	// Collections to choose from.
	Collections []kubebindv1alpha2.Collection
	// Cards are what was found of Total.
	Cards []card
	Total int
}

// card is a template in the catalogue.
type card struct {
	kubebindv1alpha2.APIServiceExportTemplate
	// Trouble says why it cannot be bound now.
	Trouble string
}

// In tells whether a collection was chosen.
func (c catalogue) In(collection string) bool {
	return c.Collection != nil && c.Collection.Name == collection
}

// catalogue shows what somebody may bind.
func (s *Site) catalogue(v *visit) error {
	offers, err := v.guest.Offers(v.r.Context())
	if err != nil {
		return err
	}
	query := v.r.URL.Query()
	s.show(v, showing{name: "catalogue", title: "Services", main: find(offers, query.Get(queryParameter), query.Get(collectionParameter))})
	return nil
}

// find returns the offers that have all the words, in a collection unless that is "".
func find(offers *Offers, words, collection string) catalogue {
	out := catalogue{Query: strings.TrimSpace(words), Collections: offers.Collections, Total: len(offers.Templates)}
	if i := slices.IndexFunc(offers.Collections, func(c kubebindv1alpha2.Collection) bool { return c.Name == collection }); i >= 0 {
		out.Collection = &offers.Collections[i]
	}
	for _, template := range offers.Templates {
		in := collectionsOf(offers.Collections, template.Name)
		if out.Collection != nil && !slices.Contains(in, out.Collection.Name) {
			continue
		}
		if matches(textOf(&template)+" "+strings.Join(in, " "), out.Query) {
			out.Cards = append(out.Cards, card{APIServiceExportTemplate: template, Trouble: trouble(template.Status.Conditions)})
		}
	}
	return out
}

// collectionsOf are the names of the collections that a template is in.
func collectionsOf(collections []kubebindv1alpha2.Collection, template string) []string {
	var out []string
	for _, c := range collections {
		if slices.ContainsFunc(c.Spec.Templates, func(r kubebindv1alpha2.TemplateReference) bool { return r.Name == template }) {
			out = append(out, c.Name)
		}
	}
	return out
}

// textOf is what a template is found by.
func textOf(template *kubebindv1alpha2.APIServiceExportTemplate) string {
	out := []string{template.Name, template.Spec.Description}
	for _, r := range template.Spec.Resources {
		out = append(out, r.GroupResource.String())
	}
	return strings.Join(out, " ")
}

// matches tells whether a text has all the words, whatever their case.
func matches(text, words string) bool {
	text = strings.ToLower(text)
	for _, word := range strings.Fields(strings.ToLower(words)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// trouble says why something is not ready, or "".
func trouble(conditions []kubebindv1alpha2.Condition) string {
	ready := kubebindv1alpha2.FindCondition(conditions, kubebindv1alpha2.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse {
		return ""
	}
	if ready.Message == "" {
		return ready.Reason
	}
	return ready.Message
}

// welcome asks somebody to sign in, and brings them back to the page that they asked for.
func (s *Site) welcome(w http.ResponseWriter, r *http.Request, errand errand) {
	status := http.StatusUnauthorized
	if r.URL.Path == "/" {
		status = http.StatusOK
	}
	// What polls has nothing to show any more.
	w.Header().Set("HX-Refresh", "true")
	s.render(w, r, page{errand: errand}, showing{name: "welcome", title: "Welcome", status: status, main: signInLink(r, errand.Cluster())})
}
