// SPDX-License-Identifier: Apache-2.0

package http

import (
	"net/http"
	"net/url"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/reply"
)

// describe says who the provider is, and where to sign in. Of the parameters those of a login go into that address.
func (d *Door) describe(w http.ResponseWriter, r *http.Request) {
	asked, passed := r.URL.Query(), url.Values{}
	for _, name := range []string{"cluster_id", "session_id", "client_type", "consumer_id"} {
		if value := asked.Get(name); value != "" {
			passed.Set(name, value)
		}
	}
	login := *d.opts.Origin
	login.Path, login.RawQuery = "/api/authorize", passed.Encode()
	reply.JSON(w, r, kubebindv1alpha2.BindingProvider{
		TypeMeta:           metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "BindingProvider"},
		Version:            d.opts.Version,
		ProviderPrettyName: d.opts.PrettyName,
		AuthenticationMethods: []kubebindv1alpha2.AuthenticationMethod{{
			Method:          kubebindv1alpha2.AuthenticationMethodOAuth2CodeGrant,
			OAuth2CodeGrant: &kubebindv1alpha2.OAuth2CodeGrant{AuthenticatedURL: login.String()},
		}},
	})
}

func redirectToExports(w http.ResponseWriter, r *http.Request) {
	target := url.URL{Path: "/api/exports", RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, target.String(), http.StatusFound)
}

// claimableAPI is how upstream writes an API that can be claimed: with the names of its Go fields.
type claimableAPI struct {
	Names                claimableNames
	GroupVersionResource schema.GroupVersionResource
	Instance             claimableInstance
	ResourceScope        string
	HasStatus            bool
}

type claimableNames struct {
	Plural   string `json:"plural"`
	Singular string `json:"singular"`
	Kind     string `json:"kind"`
}

type claimableInstance struct {
	Metadata struct{} `json:"metadata"`
}

// claimable lists the core APIs that templates can claim.
func claimable(w http.ResponseWriter, r *http.Request) {
	var out []claimableAPI
	for _, names := range []claimableNames{
		{Plural: "configmaps", Singular: "configmap", Kind: "ConfigMap"},
		{Plural: "secrets", Singular: "secret", Kind: "Secret"},
		{Plural: "serviceaccounts", Singular: "serviceaccount", Kind: "ServiceAccount"},
	} {
		out = append(out, claimableAPI{
			Names: names, GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: names.Plural}, ResourceScope: "Namespaced",
		})
	}
	reply.JSON(w, r, out)
}
