// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// answer is a provider's, that asks for a resource and claims another.
func answer(t *testing.T, name string, resource, claimed kubebindv1alpha2.GroupResource) *kubebindv1alpha2.BindingResourceResponse {
	t.Helper()
	request := kubebindv1alpha2.APIServiceExportRequest{}
	request.APIVersion, request.Kind, request.Name = kubebindv1alpha2.GroupVersion.String(), "APIServiceExportRequest", name
	request.Spec.Resources = []kubebindv1alpha2.ExportedResource{{GroupResource: resource}}
	request.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{{GroupResource: claimed}}
	raw, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return &kubebindv1alpha2.BindingResourceResponse{Requests: []runtime.RawExtension{{Raw: raw}}, Kubeconfig: providersKubeconfig(t)}
}

// A provider is not trusted: whatever it asks for, the konnector gets rights on APIs of its own and on what can be claimed, and on nothing else.
func TestSEC15OnlyWhatCanBeBoundIsAskedFor(t *testing.T) {
	type gr = kubebindv1alpha2.GroupResource
	cowboys, secrets := gr{Group: "wildwest.dev", Resource: "cowboys"}, gr{Resource: "secrets"}
	for name, tc := range map[string]struct {
		request           string
		resource, claimed gr
		refused           string
	}{
		"an API of its own":           {"ranch", cowboys, secrets, ""},
		"a claim in another spelling": {"ranch", cowboys, gr{Group: "core", Resource: "configmaps"}, ""},
		"a claim on what it exports":  {"ranch", cowboys, cowboys, ""},
		"an approved community API":   {"ranch", gr{Group: "gateway.networking.k8s.io", Resource: "httproutes"}, secrets, ""},
		"everything":                  {"ranch", gr{Group: "*", Resource: "*"}, secrets, `group "*"`},
		"all of a group":              {"ranch", gr{Group: "wildwest.dev", Resource: "*"}, secrets, `resource "*"`},
		"a subresource":               {"ranch", gr{Group: "wildwest.dev", Resource: "cowboys/exec"}, secrets, `resource "cowboys/exec"`},
		"no name":                     {"ranch", gr{Group: "wildwest.dev"}, secrets, `resource ""`},
		"no group's name":             {"ranch", gr{Group: "wild_west.dev", Resource: "cowboys"}, secrets, `group "wild_west.dev"`},
		"the core group":              {"ranch", gr{Resource: "pods"}, secrets, "is for pods, which no provider can export: group \"\" belongs to Kubernetes itself"},
		"the core group, spelled":     {"ranch", gr{Group: "core", Resource: "secrets"}, secrets, "Kubernetes itself"},
		"Deployments":                 {"ranch", gr{Group: "apps", Resource: "deployments"}, secrets, "Kubernetes itself"},
		"Jobs":                        {"ranch", gr{Group: "batch", Resource: "jobs"}, secrets, "Kubernetes itself"},
		"RBAC":                        {"ranch", gr{Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}, secrets, "Kubernetes itself"},
		"CRDs":                        {"ranch", gr{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}, secrets, "Kubernetes itself"},
		"kube-bind's own":             {"ranch", gr{Group: "kube-bind.io", Resource: "apiservicebindings"}, secrets, "kube-bind itself"},
		"a claim on everything":       {"ranch", cowboys, gr{Group: "*", Resource: "*"}, "claims *.*, which nobody can claim: only configmaps, secrets, serviceaccounts"},
		"a claim on all of core":      {"ranch", cowboys, gr{Resource: "*"}, "nobody can claim"},
		"a claim on Pods":             {"ranch", cowboys, gr{Resource: "pods"}, "claims pods, which nobody can claim"},
		"a claim on others' APIs":     {"ranch", cowboys, gr{Group: "cert-manager.io", Resource: "certificates"}, "nobody can claim"},
		"Secrets of another group":    {"ranch", cowboys, gr{Group: "apps", Resource: "secrets"}, "nobody can claim"},
		"a name that is none":         {"ranch:base", cowboys, secrets, `a request is called "ranch:base"`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := FromResponse(answer(t, tc.request, tc.resource, tc.claimed))
			if tc.refused == "" {
				if err != nil || len(c.Requests) != 1 || c.Requests[0].Namespace != "kube-bind-x" {
					t.Errorf("got %+v, %v", c, err)
				}
				return
			}
			var refused *RequestError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "the provider's answer cannot be used") || !strings.Contains(err.Error(), tc.refused) {
				t.Errorf("got %v, want %q", err, tc.refused)
			}
		})
	}
}
