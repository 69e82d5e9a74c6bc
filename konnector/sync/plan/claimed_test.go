// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const placeUID = types.UID("place-1")

// claimed is a Secret of the consumer, or with inProvider of the provider, changed by modifiers.
func claimedObject(content string, changes ...change) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
		"metadata": map[string]any{"namespace": "ns", "name": "a", "uid": "uid-here", "resourceVersion": "7"},
		"data":     map[string]any{"content": content},
	}}
	for _, c := range changes {
		c(o)
	}
	return o
}

func inProvider(content string, changes ...change) *unstructured.Unstructured {
	o := claimedObject(content, with(place+"-ns", "metadata", "namespace"), with("uid-there", "metadata", "uid"))
	for _, c := range changes {
		c(o)
	}
	return o
}

func owned(by string) change { return label(kubebindv1alpha2.OwnerLabel, by) }

// copiedUp and copiedDown are the marks of copies of this place.
func copiedUp() change {
	return func(o *unstructured.Unstructured) {
		annotation(kubebindv1alpha2.ClusterNamespaceAnnotation, place)(o)
		annotation(kubebindv1alpha2.ConsumerClusterAnnotation, string(cluster))(o)
	}
}

func copiedDown() change { return annotation(kubebindv1alpha2.PlaceUIDAnnotation, string(placeUID)) }

func copiedElsewhere() change { return annotation(kubebindv1alpha2.PlaceUIDAnnotation, "place-2") }

func claim(consumer, provider *unstructured.Unstructured, consumerClaimed, providerClaimed bool) Claim {
	return Claim{
		Consumer: consumer, Provider: provider, ConsumerClaimed: consumerClaimed, ProviderClaimed: providerClaimed,
		Key: types.NamespacedName{Namespace: "ns", Name: "a"}, Target: ready(), Policy: policy(), Place: placeUID,
	}
}

// in is a claim about objects of a consumer namespace.
func (in Claim) in(namespace string) Claim {
	in.Key.Namespace = namespace
	if in.Consumer != nil {
		in.Consumer = in.Consumer.DeepCopy()
		in.Consumer.SetNamespace(namespace)
	}
	return in
}

// side marks what is done in the consumer.
func sides(actions []Action) string {
	words := make([]string, 0, len(actions))
	for _, a := range actions {
		word := a.Kind.String()
		if a.Kind == Report {
			word += "(" + a.Reason + ")"
		}
		if a.Here {
			word += " here"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// settled is the copy that sharing makes of an object: made by the plan itself.
func settled(t testing.TB, in Claim, changes ...change) *unstructured.Unstructured {
	t.Helper()
	for _, a := range Claimed(in) {
		if a.Kind == Create {
			a.Object.SetUID("uid-of-the-copy")
			a.Object.SetResourceVersion("100")
			for _, c := range changes {
				c(a.Object)
			}
			return a.Object
		}
	}
	t.Fatal("the plan does not create a copy")
	return nil
}

func TestClaimed(t *testing.T) {
	const consumer, provider = kubebindv1alpha2.OwnerConsumer, kubebindv1alpha2.OwnerProvider
	mine, theirs := claimedObject("1", owned(consumer)), inProvider("1", owned(provider))
	upCopy := func(changes ...change) *unstructured.Unstructured {
		return settled(t, claim(mine, nil, true, false), changes...)
	}
	downCopy := func(changes ...change) *unstructured.Unstructured {
		return settled(t, claim(nil, theirs, false, true), changes...)
	}
	token := with("kubernetes.io/service-account-token", "type")
	bootstrap := with("bootstrap.kubernetes.io/token", "type")
	for name, tc := range map[string]struct {
		in   Claim
		want string
	}{
		"nothing":                               {claim(nil, nil, false, false), ""},
		"consumer's, not claimed":               {claim(claimedObject("1"), nil, false, false), ""},
		"consumer's, new":                       {claim(claimedObject("1"), nil, true, false), "Mark here, Create"},
		"consumer's, labelled":                  {claim(mine, nil, true, false), "Create"},
		"consumer's, terminating":               {claim(claimedObject("1", deleted()), nil, true, false), ""},
		"consumer's, said to be the provider's": {claim(claimedObject("1", owned(provider)), nil, true, false), ""},
		"consumer's, in sync":                   {claim(mine, upCopy(), true, true), ""},
		"consumer's, changed":                   {claim(claimedObject("2", owned(consumer)), upCopy(), true, true), "Apply"},
		"consumer's, copy changed":              {claim(mine, upCopy(with("x", "data", "content")), true, true), "Apply"},
		"consumer's, copy has more":             {claim(mine, upCopy(with("x", "data", "more")), true, true), "Prune"},
		"consumer's, copy terminating":          {claim(mine, upCopy(deleted()), true, true), ""},
		"consumer's, copy frozen":               {claim(claimedObject("2", owned(consumer)), upCopy(with(true, "immutable")), true, true), "Delete"},
		"consumer's, type changed":              {claim(claimedObject("1", owned(consumer), with("kubernetes.io/tls", "type")), upCopy(), true, true), "Delete"},
		"let have, of another type":             {claim(mine, inProvider("1", owned(consumer), with("kubernetes.io/tls", "type")), true, true), "Report(Conflict)"},
		"W26: consumer's, no longer claimed":    {claim(mine, upCopy(), false, true), "Delete"},
		"consumer's gone":                       {claim(nil, upCopy(), false, true), "Delete"},
		"consumer's gone, copy of a cluster":    {claim(nil, upCopy(ofOtherCluster()), false, true), ""},
		"consumer's, copy of another cluster":   {claim(mine, upCopy(ofOtherCluster(), without("metadata", "labels")), true, true), "Report(Conflict)"},
		"consumer's, a token":                   {claim(claimedObject("1", token), nil, true, false), "Report(NotClaimable)"},
		"consumer's, given by another place":    {claim(claimedObject("1", owned(provider), copiedElsewhere()), nil, true, false), "Create"},
		"W4: given by another place, unclaimed": {claim(claimedObject("1", owned(provider), copiedElsewhere()), nil, false, false), ""},

		"provider's, not claimed":               {claim(nil, inProvider("1"), false, false), ""},
		"W3a: labelled as the consumer's":       {claim(claimedObject("1"), inProvider("", owned(consumer)), false, true), ""},
		"W3b: labelled as the provider's":       {claim(claimedObject("1"), inProvider("x", owned(provider)), false, true), "Report(Conflict)"},
		"provider's, new":                       {claim(nil, inProvider("1"), false, true), "Mark, Create here"},
		"provider's, labelled":                  {claim(nil, theirs, false, true), "Create here"},
		"provider's, said to be the consumer's": {claim(nil, inProvider("1", owned(consumer)), false, true), ""},
		"W25: provider's, terminating":          {claim(nil, inProvider("1", owned(provider), deleted()), false, true), ""},
		"provider's, in sync":                   {claim(downCopy(), theirs, true, true), ""},
		"provider's, changed":                   {claim(downCopy(), inProvider("2", owned(provider)), true, true), "Apply here"},
		"provider's, copy changed":              {claim(downCopy(with("x", "data", "content")), theirs, true, true), "Apply here"},
		"provider's, copy has more":             {claim(downCopy(with("x", "data", "more")), theirs, true, true), "Prune here"},
		"provider's, no longer claimed":         {claim(downCopy(), theirs, true, false), "Delete here"},
		"provider's gone":                       {claim(downCopy(), nil, true, false), "Delete here"},
		"provider's gone, copy elsewhere":       {claim(claimedObject("1", owned(provider), copiedElsewhere()), nil, false, false), ""},
		"provider's, a token of the cluster":    {claim(nil, inProvider("1", bootstrap), false, true), ""},
		"consumer's, a token of the cluster":    {claim(claimedObject("1", bootstrap), nil, true, false), "Report(NotClaimable)"},
		"provider's, for the cluster's own":     {claim(nil, theirs, false, true).in("kube-system"), ""},
		"provider's, for openshift's own":       {claim(nil, theirs, false, true).in("openshift-config"), ""},
		"provider's, for people":                {claim(nil, theirs, false, true).in("default"), "Create here"},
		"provider's, on one of the cluster's":   {claim(claimedObject("2", owned(provider)), theirs, true, true).in("kube-system"), "Report(NotClaimable)"},
		"consumer's, of the cluster's own":      {claim(mine, nil, true, false).in("kube-system"), "Create"},
		"consumer's, the konnector's own":       {claim(mine, nil, true, false).in(kubebindv1alpha2.ConsumerNamespace), "Report(NotClaimable)"},
		"provider's, a token":                   {claim(nil, inProvider("1", token), false, true), ""},
		"provider's, consumer lets it":          {claim(claimedObject("1", owned(provider)), theirs, true, true), "Apply here"},
		"provider's, consumer's is elsewhere's": {claim(claimedObject("1", owned(provider), copiedElsewhere()), theirs, true, true), "Report(Conflict)"},

		"W27: both, unlabelled":               {claim(claimedObject("1"), inProvider("1"), true, true), "Report(OwnerUnknown)"},
		"both, unlabelled, not claimed":       {claim(claimedObject("1"), inProvider("1"), false, false), ""},
		"both, the provider lets it":          {claim(mine, inProvider("1", owned(consumer)), true, true), "Apply"},
		"both, label of the copy lost":        {claim(claimedObject("1"), upCopy(without("metadata", "labels")), true, true), "Mark here, Apply"},
		"consumer gives away":                 {claim(claimedObject("1", owned(provider)), upCopy(), true, true), "Mark"},
		"provider gives away":                 {claim(downCopy(), inProvider("1", owned(consumer)), true, true), "Mark here"},
		"provider takes":                      {claim(mine, upCopy(owned(provider)), true, true), "Mark here"},
		"provider takes what is not claimed":  {claim(mine, upCopy(owned(provider)), false, true), "Report(Conflict)"},
		"consumer cannot take":                {claim(downCopy(owned(consumer)), theirs, true, true), "Apply here"},
		"target pending":                      {Claim{Consumer: mine, ConsumerClaimed: true, Policy: policy(), Place: placeUID}, "Report(NamespacePending)"},
		"target pending, copy":                {Claim{Consumer: downCopy(), ConsumerClaimed: true, Policy: policy(), Place: placeUID}, ""},
		"no place":                            {Claim{Consumer: mine, ConsumerClaimed: true, Target: ready(), Policy: policy()}, ""},
		"tokens of a ServiceAccount stay":     {claim(serviceAccount(), settled(t, claim(serviceAccount(), nil, true, false), with([]any{}, "secrets")), true, true), ""},
		"provider's, the consumer's is going": {claim(downCopy(deleted()), inProvider("2", owned(provider)), true, true), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sides(Claimed(tc.in)); got != tc.want {
				t.Errorf("plan is\n  %s, want\n  %s", got, tc.want)
			}
		})
	}
}

func serviceAccount() *unstructured.Unstructured {
	return claimedObject("", owned(kubebindv1alpha2.OwnerConsumer), with("ServiceAccount", "kind"),
		without("data"), without("type"), with([]any{map[string]any{"name": "token"}}, "secrets"))
}

// What a copy is made of: everything but what means something on one side only.
func TestClaimedCopies(t *testing.T) {
	up := settled(t, claim(claimedObject("1", label("app", "x"), annotation("note", "n"), with("old", "metadata", "generateName"), finalizedBy("f/f")), nil, true, false), func(*unstructured.Unstructured) {})
	if up.GetNamespace() != place+"-ns" || up.GetLabels()["app"] != "x" || up.GetAnnotations()["note"] != "n" || len(up.GetFinalizers()) > 0 || up.GetGenerateName() != "" {
		t.Errorf("copy is %s", jsonOf(t, up.Object))
	}
	for _, key := range []string{
		kubebindv1alpha2.ClusterNamespaceAnnotation, kubebindv1alpha2.ConsumerClusterAnnotation, kubebindv1alpha2.ConsumerUIDAnnotation,
		kubebindv1alpha2.ConsumerNamespaceAnnotation, kubebindv1alpha2.AppliedHashAnnotation,
	} {
		if up.GetAnnotations()[key] == "" {
			t.Errorf("copy on the provider lacks %s", key)
		}
	}
	down := settled(t, claim(nil, inProvider("1"), false, true))
	for _, key := range []string{
		kubebindv1alpha2.PlaceUIDAnnotation, kubebindv1alpha2.ProviderNamespaceAnnotation, kubebindv1alpha2.ProviderUIDAnnotation, kubebindv1alpha2.AppliedHashAnnotation,
	} {
		if down.GetAnnotations()[key] == "" {
			t.Errorf("copy in the consumer lacks %s", key)
		}
	}
	if got := settled(t, claim(serviceAccount(), nil, true, false)); got.Object["secrets"] != nil {
		t.Errorf("copy of a ServiceAccount has tokens: %v", got.Object["secrets"])
	}
}
