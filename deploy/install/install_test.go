// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

func TestDecide(t *testing.T) {
	for _, tc := range []struct {
		found                  bool
		image, wanted, version string
		downgrade              bool
		want                   action
	}{
		{false, "", "", "v1.0.0", false, create},
		{false, "", "mine:1", "v1.0.0", false, create},
		{true, "r/konnector:v1.0.0", "", "v1.0.0", false, keep},
		{true, "r/konnector:v0.9.0", "", "v1.0.0", false, update},
		{true, "r/konnector:v1.1.0", "", "v1.0.0", false, keep},
		{true, "r/konnector:main", "", "v1.0.0", false, keep},
		{true, "r:5000/konnector", "", "v1.0.0", false, keep},
		{true, "r/konnector@sha256:0123", "", "v1.0.0", false, keep},
		{true, "r/konnector:v0.9.0", "", "devel", false, keep},
		{true, "r/konnector:v0.9.0", "mine:1", "v1.0.0", false, update},
		{true, "mine:1", "mine:1", "v1.0.0", false, keep},
		{true, "r/konnector:v1.1.0", "", "v1.0.0", true, update},
		{true, "r/konnector:v0.9.0", "", "v1.0.0", true, update},
		{true, "r/konnector:v1.0.0", "", "v1.0.0", true, keep},
		{true, "r/konnector:main", "", "v1.0.0", true, keep},
	} {
		if got := decide(tc.found, tc.image, tc.wanted, tc.version, tc.downgrade); got != tc.want {
			t.Errorf("%+v: got %s", tc, got)
		}
	}
}

// Replicas of an older version, while they are replaced, are not the konnector that is waited for.
func TestCurrent(t *testing.T) {
	for _, tc := range []struct {
		name                               string
		generation, observed               int64
		replicas, updated, available, want int32
	}{
		{"not looked at", 2, 1, 2, 2, 2, 0},
		{"new, none is ready", 1, 1, 2, 2, 0, 0},
		{"new, one is ready", 1, 1, 2, 2, 1, 1},
		{"all are", 1, 1, 2, 2, 2, 2},
		{"only older ones are ready", 2, 2, 3, 1, 2, 0},
		{"one of this version, and an older one", 2, 2, 2, 1, 2, 1},
		{"an older one is not ready", 2, 2, 3, 1, 1, 0},
	} {
		d := &appsv1.Deployment{Status: appsv1.DeploymentStatus{
			ObservedGeneration: tc.observed, Replicas: tc.replicas, UpdatedReplicas: tc.updated, AvailableReplicas: tc.available,
		}}
		d.Generation = tc.generation
		if got := current(d); got != tc.want {
			t.Errorf("%s: got %d, want %d", tc.name, got, tc.want)
		}
	}
}

// The role that collects others has its rules from a controller: applied by us, a second apply would be refused.
func TestContentLeavesCollectedRulesAlone(t *testing.T) {
	collecting := 0
	for _, object := range append(konnector.Objects(konnector.Options{}), client.Object(konnector.RoleFor(&kubebindv1alpha2.APIServiceBinding{}, &kubebindv1alpha2.APIServiceExportRequestSpec{}))) {
		content, err := Content(object)
		if err != nil {
			t.Fatal(err)
		}
		_, collects := content["aggregationRule"]
		_, rules := content["rules"]
		if collects && rules || content["kind"] == "ClusterRole" && !collects && !rules {
			t.Errorf("%s: %v", object.GetName(), content)
		}
		if collects {
			collecting++
		}
	}
	if collecting != 1 {
		t.Errorf("there are %d such roles", collecting)
	}
}

// Whatever a binding is called, its role is not one of the konnector's own, which would then be gone, nor that of another provider's
// binding of that name.
func TestBindingsHaveRolesOfTheirOwn(t *testing.T) {
	one, other := contract(), contract()
	other.Config.Host = "https://other.example.com"
	nothing := &kubebindv1alpha2.APIServiceExportRequestSpec{}
	if a, b := roleFor(one.Bindings()[0], nothing).Name, roleFor(other.Bindings()[0], nothing).Name; a == b {
		t.Errorf("the bindings ranch of two providers have the role %s", a)
	}
	for _, object := range konnector.Objects(konnector.Options{}) {
		binding, ok := strings.CutPrefix(object.GetName(), "kube-bind-konnector")
		if object.GetObjectKind().GroupVersionKind().Kind != "ClusterRole" || !ok {
			continue
		}
		if binding = strings.TrimPrefix(binding, "-"); binding != "" && len(validation.IsDNS1123Subdomain(binding)) == 0 {
			t.Errorf("a binding %s has the role %s", binding, object.GetName())
		}
	}
}
