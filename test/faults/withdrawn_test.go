// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/konnector/namespaces"
	"kube-bind.io/kube-bind/test/expect"
)

// The provider withdraws an API that is in use: what is here stays and can be deleted; what the provider has stays; and
// if the API comes back, it goes on.
func TestExportDeletedWhileObjectsExist(t *testing.T) {
	p, place := ownPair(t)
	ns := expect.Namespace(t, p.Consumer, "withdrawn")
	providerNS := place.Namespace + "-" + ns
	for _, name := range []string{"kept", "deleted"} {
		expect.Create(t, p.Consumer, expect.Cowboy(ns, name))
		expect.Exists(t, p.Provider, expect.Cowboy(providerNS, name))
	}
	request := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: "cowboys"}}
	if err := p.Provider.Client.Get(t.Context(), keyOf(request), request); err != nil {
		t.Fatal(err)
	}
	export := &kubebindv1alpha2.APIServiceExport{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: "cowboys"}}
	expect.Delete(t, p.Provider, export)
	b := waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionConnected, metav1.ConditionFalse, kubebindv1alpha2.ReasonAPIServiceExportNotFound)
	expect.Event(t, p.Consumer, b, kubebindv1alpha2.ReasonAPIServiceExportNotFound)
	expect.Event(t, p.Consumer, expect.Cowboy(ns, "kept"), namespaces.ReasonExportGone)

	expect.Delete(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	expect.Gone(t, p.Consumer, expect.Cowboy(ns, "deleted"))
	for _, name := range []string{"kept", "deleted"} {
		expect.Exists(t, p.Provider, expect.Cowboy(providerNS, name))
	}
	expect.Exists(t, p.Consumer, expect.Cowboy(ns, "kept"))
	expect.Change(t, p.Consumer, expect.Cowboy(ns, "kept"), expect.Set("wait", "spec", "intent"))

	// The request that made the export went with it; a new one makes it again.
	expect.Gone(t, p.Provider, request)
	again := &kubebindv1alpha2.APIServiceExportRequest{ObjectMeta: metav1.ObjectMeta{Namespace: place.Namespace, Name: "cowboys"}, Spec: request.Spec}
	expect.Create(t, p.Provider, again)
	expect.Has(t, p.Provider, expect.Cowboy(providerNS, "kept"), "wait", "spec", "intent")
	expect.Gone(t, p.Provider, expect.Cowboy(providerNS, "deleted"))
	waitBinding(t, p, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
}
