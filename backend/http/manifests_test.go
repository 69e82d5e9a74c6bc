// SPDX-License-Identifier: Apache-2.0

package http

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// What is downloaded can be applied: in this order, and strictly typed.
func TestManifests(t *testing.T) {
	raw, err := manifests("v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, text := range strings.Split(strings.TrimPrefix(string(raw), "---\n"), "---\n") {
		var object struct {
			Kind string `json:"kind"`
		}
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, object.Kind)
		if object.Kind != "Deployment" {
			continue
		}
		deployment := &appsv1.Deployment{}
		if err := yaml.UnmarshalStrict([]byte(text), deployment); err != nil {
			t.Fatal(err)
		}
		if image := deployment.Spec.Template.Spec.Containers[0].Image; image != "ghcr.io/kbind-dev/konnector:v1.2.3" {
			t.Errorf("the image is %s", image)
		}
	}
	want := []string{
		"Namespace", "ServiceAccount", "ClusterRole", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "PodDisruptionBudget", "Deployment",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %v", kinds)
	}
}
