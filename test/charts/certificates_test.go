// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// door are values of a backend that people sign in to, which others go with.
const door = "oidc: {issuerUrl: 'https://login', callbackUrl: 'https://bind/api/callback', clientId: x}"

// at is the text at a path in an object, whose numbers are indices.
func at(t *testing.T, object *unstructured.Unstructured, path ...any) any {
	t.Helper()
	if object == nil {
		t.Fatalf("there is no object to look for %v in", path)
	}
	var value any = object.Object
	for _, step := range path {
		switch step := step.(type) {
		case string:
			below, ok := value.(map[string]any)
			if !ok {
				t.Fatalf("%s %s: nothing at %v", object.GetKind(), object.GetName(), path)
			}
			value = below[step]
		case int:
			below, ok := value.([]any)
			if !ok || len(below) <= step {
				t.Fatalf("%s %s: nothing at %v", object.GetKind(), object.GetName(), path)
			}
			value = below[step]
		}
	}
	return value
}

// The certificate that cert-manager makes is where all look that use it, whatever it is called.
func TestCertificateIsWhereItIsUsed(t *testing.T) {
	const issued = "certManager: {enabled: true, clusterIssuer: x}"
	for name, tc := range map[string]struct{ values, want string }{
		"an Ingress":               {"{backend: {" + door + "}, ingress: {enabled: true, hosts: [bind]}, " + issued + "}", "kube-bind-backend-tls"},
		"an Ingress with a name":   {"{backend: {" + door + "}, ingress: {enabled: true, hosts: [bind], tlsSecretName: mine}, " + issued + "}", "mine"},
		"the backend":              {"{backend: {tls: {enabled: true}, " + door + "}, " + issued + "}", "kube-bind-backend-tls"},
		"the backend with a name":  {"{backend: {tls: {enabled: true, certSecretName: mine}, " + door + "}, " + issued + "}", "mine"},
		"both":                     {"{backend: {tls: {enabled: true}, " + door + "}, ingress: {enabled: true, hosts: [bind]}, " + issued + "}", "kube-bind-backend-tls"},
		"both, named at the one":   {"{backend: {tls: {enabled: true, certSecretName: mine}, " + door + "}, ingress: {enabled: true, hosts: [bind]}, " + issued + "}", "mine"},
		"both, named at the other": {"{backend: {tls: {enabled: true}, " + door + "}, ingress: {enabled: true, hosts: [bind], tlsSecretName: mine}, " + issued + "}", "mine"},
		"a Gateway":                {"{backend: {" + door + "}, gatewayApi: {enabled: true, gateway: {className: x}, route: {hostnames: [bind]}}, " + issued + "}", "kube-bind-backend-tls"},
		"a Gateway and the backend": {"{backend: {tls: {enabled: true, certSecretName: mine}, " + door + "}, " +
			"gatewayApi: {enabled: true, gateway: {className: x}, route: {hostnames: [bind]}}, " + issued + "}", "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			made := rendered(t, Backend, values(t, tc.values))
			users := map[string]any{"cert-manager": at(t, made.Find("Certificate", "kube-bind-backend"), "spec", "secretName")}
			if ingress := made.Find("Ingress", "kube-bind-backend"); ingress != nil {
				users["the Ingress"] = at(t, ingress, "spec", "tls", 0, "secretName")
			}
			if gateway := made.Find("Gateway", "kube-bind-backend"); gateway != nil {
				users["the Gateway"] = at(t, gateway, "spec", "listeners", 1, "tls", "certificateRefs", 0, "name")
			}
			deployment, err := made.Deployment()
			if err != nil {
				t.Fatal(err)
			}
			for _, volume := range deployment.Spec.Template.Spec.Volumes {
				if volume.Name == "tls" {
					users["the Pod"] = volume.Secret.SecretName
				}
			}
			if len(users) < 2 {
				t.Errorf("nobody uses it: %v", users)
			}
			for who, secret := range users {
				if secret != tc.want {
					t.Errorf("%s has the Secret %v, want %s", who, secret, tc.want)
				}
			}
		})
	}
}

// Who comes by http is sent to the port that https is at.
func TestRedirectGoesToTheHTTPSPort(t *testing.T) {
	made := rendered(t, Backend, values(t, "{backend: {"+door+"}, gatewayApi: {enabled: true, gateway: {className: x, httpPort: 8080, httpsPort: 8443, "+
		"tls: {certificateRefs: [{name: mine}]}}, route: {hostnames: [bind]}}}"))
	listener := at(t, made.Find("Gateway", "kube-bind-backend"), "spec", "listeners", 1, "port")
	redirect := at(t, made.Find("HTTPRoute", "kube-bind-backend-http"), "spec", "rules", 0, "filters", 0, "requestRedirect", "port")
	if listener != int64(8443) || redirect != int64(8443) {
		t.Errorf("https is at the port %v, and people are sent to %v", listener, redirect)
	}
}
