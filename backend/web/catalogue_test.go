// SPDX-License-Identifier: Apache-2.0

package web

import (
	"slices"
	"testing"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

func TestFind(t *testing.T) {
	template := func(name, description, resource string) kubebindv1alpha2.APIServiceExportTemplate {
		out := kubebindv1alpha2.APIServiceExportTemplate{}
		out.Name, out.Spec.Description = name, description
		out.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "example.org", Resource: resource}}}
		return out
	}
	collection := kubebindv1alpha2.Collection{}
	collection.Name = "storage"
	collection.Spec.Templates = []kubebindv1alpha2.TemplateReference{{Name: "postgres"}, {Name: "buckets"}}
	offers := &Offers{
		Templates: []kubebindv1alpha2.APIServiceExportTemplate{
			template("buckets", "Objects of any size", "buckets"), template("mail", "Send and receive", "mailboxes"), template("postgres", "A database", "clusters"),
		},
		Collections: []kubebindv1alpha2.Collection{collection},
	}
	for name, tc := range map[string]struct {
		words, collection string
		want              []string
	}{
		"all":                  {"", "", []string{"buckets", "mail", "postgres"}},
		"by name":              {"POST", "", []string{"postgres"}},
		"by description":       {" any  objects ", "", []string{"buckets"}},
		"by resource":          {"mailboxes.example", "", []string{"mail"}},
		"by collection's name": {"storage", "", []string{"buckets", "postgres"}},
		"in a collection":      {"", "storage", []string{"buckets", "postgres"}},
		"both":                 {"database", "storage", []string{"postgres"}},
		"not in a collection":  {"mail", "storage", nil},
		"no such collection":   {"", "gone", []string{"buckets", "mail", "postgres"}},
		"nothing":              {"database objects", "", nil},
	} {
		var got []string
		found := find(offers, tc.words, tc.collection)
		for _, c := range found.Cards {
			got = append(got, c.Name)
		}
		if !slices.Equal(got, tc.want) || found.Total != 3 {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestTrouble(t *testing.T) {
	ready := func(c kubebindv1alpha2.Condition) string { return trouble([]kubebindv1alpha2.Condition{c}) }
	for name, got := range map[string]string{
		"":    trouble(nil) + ready(kubebindv1alpha2.TrueCondition(kubebindv1alpha2.ConditionReady)) + ready(kubebindv1alpha2.UnknownCondition(kubebindv1alpha2.ConditionReady, "R", "m")),
		"why": ready(kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady, "R", kubebindv1alpha2.SeverityError, "why")),
		"R":   ready(kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady, "R", kubebindv1alpha2.SeverityError, "")),
	} {
		if got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}
