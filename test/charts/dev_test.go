// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"errors"
	"testing"

	"kube-bind.io/kube-bind/backend"
	"kube-bind.io/kube-bind/cli/dev/kind"
)

// The values that kubectl bind dev writes for clusters of kind are the chart's: the front door is where the node's port is, sign-ins end
// in the one replica in which they began, and consumers are sent to the provider's node.
func TestKindValues(t *testing.T) {
	s := (&kind.Settings{}).With(&kind.Settings{Engine: "docker", Provider: "east"}, "v1.2.3")
	files, err := s.Files(8081)
	if err != nil {
		t.Fatal(err)
	}
	made := rendered(t, Backend, values(t, string(files["values.yaml"])))
	opts, _ := parse(t, containerOf(t, made).Args)
	door := opts.FrontDoor
	if opts.ExternalAddress != "https://east-control-plane:6443" || opts.ConsumerScope != "Cluster" || door.OIDCType != backend.OIDCEmbedded ||
		door.CallbackURL != "http://127.0.0.1:8081/api/callback" || door.ListenAddress != ":8080" || !door.InsecureEmbedded || door.ClientSecret != "" {
		t.Errorf("got %+v", opts)
	}
	opts.Config = shared.Plane.Config()
	if err := errors.Join(opts.Complete(), opts.Validate()); err != nil {
		t.Errorf("the backend refuses this: %v", err)
	}
	if image := containerOf(t, made).Image; image != "ghcr.io/kbind-dev/backend:v1.2.3" {
		t.Errorf("the image is %s", image)
	}
	if d, err := made.Deployment(); err != nil || *d.Spec.Replicas != 1 {
		t.Errorf("%v replicas, %v", d.Spec.Replicas, err)
	}
	service := made.Find("Service", "kube-bind-backend")
	if service == nil {
		t.Fatal("there is no Service")
	}
	port := service.Object["spec"].(map[string]any)["ports"].([]any)[0].(map[string]any)
	if service.Object["spec"].(map[string]any)["type"] != "NodePort" || port["nodePort"] != int64(31000) {
		t.Errorf("got %v", service.Object["spec"])
	}
}
