// SPDX-License-Identifier: Apache-2.0

// Package kind says what is to be done for a provider and a consumer in clusters of kind: the files and the commands, from what is
// there. It does none of it; cli/dev does. Programs are run as people would run them, and neither kind nor Helm is linked in.
package kind

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"
)

const (
	// release is that of the chart, and its namespace.
	release = "kube-bind"
	// deployment is what the chart calls the backend with that release.
	deployment = "kube-bind-backend"
	// nodePort is where a node has the front door.
	nodePort = 31000
	loopback = "127.0.0.1"
)

// Files in the folder of an environment.
const (
	valuesFile = "values.yaml"
	// ChartFolder has the chart of this program.
	ChartFolder = "chart"
	// ProviderKubeconfig is the file with the administrator's access to the provider.
	ProviderKubeconfig = "provider.kubeconfig"
	// ConsumerKubeconfig is that of the consumer.
	ConsumerKubeconfig = "consumer.kubeconfig"
)

// Defaults: those of upstream's kubectl bind dev.
const (
	// DefaultNetwork is the one of the containers.
	DefaultNetwork = "kube-bind-dev"
	// DefaultProvider is the name of that cluster.
	DefaultProvider = "kind-provider"
	// DefaultConsumer is the name of that cluster.
	DefaultConsumer = "kind-consumer"
	// DefaultImage is that of the backend.
	DefaultImage = "ghcr.io/kbind-dev/backend"
)

// Settings say what an environment is made of. They are kept with it.
type Settings struct {
	// Engine is the container engine: docker or podman.
	Engine string `json:"engine"`
	// Network is the container network that both clusters are in.
	Network string `json:"network"`
	// OwnNetwork says that it was made for this environment.
	OwnNetwork bool `json:"ownNetwork"`
	// Provider and Consumer are the names of the clusters.
	Provider string `json:"provider"`
	// Consumer is described at Provider.
	Consumer string `json:"consumer"`
	// Made are those of the two that were made to the end.
	Made []string `json:"made,omitempty"`
	// Chart is that of the backend: a folder, a file or an oci:// URL, and ChartVersion its version, if it is not the only one.
	// Default: the one of this program, in the folder of the environment.
	Chart string `json:"chart,omitempty"`
	// ChartVersion is described at Chart.
	ChartVersion string `json:"chartVersion,omitempty"`
	// Image and Tag are the backend's image.
	Image string `json:"image"`
	// Tag is described at Image.
	Tag string `json:"tag"`
	// Konnector is the konnector's image, if it is not that of kubectl bind's version.
	Konnector string `json:"konnector,omitempty"`
}

// With are the settings with those that are asked for anew, and defaults for what is still open: the image of a version.
func (s *Settings) With(want *Settings, version string) *Settings {
	out := *s
	out.Engine = cmp.Or(s.Engine, want.Engine)
	if want.Chart != "" || want.ChartVersion != "" {
		out.ChartVersion = want.ChartVersion // another chart has other versions
	}
	out.Network = cmp.Or(want.Network, s.Network, DefaultNetwork)
	out.Provider = cmp.Or(want.Provider, s.Provider, DefaultProvider)
	out.Consumer = cmp.Or(want.Consumer, s.Consumer, DefaultConsumer)
	out.Chart = cmp.Or(want.Chart, s.Chart)
	out.Image = cmp.Or(want.Image, s.Image, DefaultImage)
	out.Tag = cmp.Or(want.Tag, s.Tag, version)
	out.Konnector = cmp.Or(want.Konnector, s.Konnector)
	return &out
}

// Node is the container that a cluster runs in.
func Node(cluster string) string { return cluster + "-control-plane" }

// Files are what commands read, by their names in the folder of the environment.
func (s *Settings) Files(port int) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, content := range map[string]any{
		configFile(s.Provider): clusterConfig(port), configFile(s.Consumer): clusterConfig(0), valuesFile: s.values(port),
	} {
		raw, err := yaml.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
		out[name] = raw
	}
	return out, nil
}

func configFile(cluster string) string { return cluster + ".kind.yaml" }

// clusterConfig is one node, whose API server and front door, if it has one, nobody but this machine reaches.
func clusterConfig(port int) map[string]any {
	node := map[string]any{"role": "control-plane"}
	if port != 0 {
		node["extraPortMappings"] = []any{map[string]any{
			"containerPort": nodePort, "hostPort": port, "listenAddress": loopback, "protocol": "TCP",
		}}
	}
	return map[string]any{
		"apiVersion": "kind.x-k8s.io/v1alpha4", "kind": "Cluster",
		"networking": map[string]any{"apiServerAddress": loopback}, "nodes": []any{node},
	}
}

// values are those of the backend's chart. The container network resolves the node's name for the konnector, and it is in the
// certificate of the API server.
func (s *Settings) values(port int) map[string]any {
	return map[string]any{
		"image": map[string]any{"repository": s.Image, "tag": s.Tag},
		// A sign-in is in the memory of the one replica in which it began.
		"replicaCount": 1,
		"backend": map[string]any{
			"externalAddress": "https://" + Node(s.Provider) + ":6443",
			"prettyName":      "kube-bind dev", "consumerScope": "Cluster",
			"oidc": map[string]any{
				"type": "embedded", "callbackUrl": fmt.Sprintf("http://%s:%d/api/callback", loopback, port),
				// The loopback of a Pod is not that of this machine: what keeps others out is clusterConfig.
				"embeddedInsecure": true,
			},
		},
		"service": map[string]any{"type": "NodePort", "nodePort": nodePort},
		"rbac": map[string]any{
			"exports": []any{map[string]any{"group": "wildwest.dev", "resources": []any{"cowboys", "sheriffs"}}},
			"claims":  []any{map[string]any{"group": "", "resources": []any{"secrets"}}},
		},
	}
}

// clusters are both names, with the kubeconfig of each, in the order in which they are made.
func (s *Settings) clusters() [][2]string {
	return [][2]string{{s.Provider, ProviderKubeconfig}, {s.Consumer, ConsumerKubeconfig}}
}

// Nodes are the names of both containers.
func (s *Settings) Nodes() []string { return []string{Node(s.Provider), Node(s.Consumer)} }

// Foreign names a cluster that is in the way: there is one of that name, and it is not in this environment's network. Of a new
// environment, each is.
func (s *Settings) Foreign(found map[string]Container, fresh bool) string {
	for _, cluster := range s.clusters() {
		if node, there := found[Node(cluster[0])]; there && (fresh || !s.owns(node)) {
			return cluster[0]
		}
	}
	return ""
}

func (s *Settings) owns(node Container) bool {
	return slices.Contains(slices.Collect(maps.Keys(node.NetworkSettings.Networks)), s.Network)
}
