// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	sigsyaml "sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/examples"
)

func defaults() *Settings { return (&Settings{}).With(&Settings{Engine: "docker"}, "v1.2.3") }

// kind takes the files as it would read them, and nothing of them listens but on the loopback.
func TestClusterConfigs(t *testing.T) {
	files, err := defaults().Files(8081)
	if err != nil {
		t.Fatal(err)
	}
	for name, doors := range map[string]int{"kind-provider.kind.yaml": 1, "kind-consumer.kind.yaml": 0} {
		decoder := yaml.NewDecoder(strings.NewReader(string(files[name])))
		decoder.KnownFields(true)
		var c v1alpha4.Cluster
		if err := decoder.Decode(&c); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, files[name])
		}
		if c.Kind != "Cluster" || c.APIVersion != "kind.x-k8s.io/v1alpha4" || c.Networking.APIServerAddress != "127.0.0.1" || len(c.Nodes) != 1 ||
			c.Nodes[0].Role != v1alpha4.ControlPlaneRole || len(c.Nodes[0].ExtraPortMappings) != doors {
			t.Errorf("%s: %+v", name, c)
		}
		for _, m := range c.Nodes[0].ExtraPortMappings {
			if want := (v1alpha4.PortMapping{ContainerPort: 31000, HostPort: 8081, ListenAddress: "127.0.0.1", Protocol: v1alpha4.PortMappingProtocolTCP}); m != want {
				t.Errorf("%s: got %+v, want %+v", name, m, want)
			}
		}
	}
}

// The backend may give what the examples offer and claim, and nothing else.
func TestRightsAreThoseOfTheExamples(t *testing.T) {
	type rights struct {
		Exports, Claims []struct {
			Group     string
			Resources []string
		}
	}
	var values struct{ RBAC rights }
	files, err := defaults().Files(8080)
	if err == nil {
		err = sigsyaml.Unmarshal(files[valuesFile], &values)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, want := sets.New[string](), sets.New[string]()
	for _, r := range slices.Concat(values.RBAC.Exports, values.RBAC.Claims) {
		for _, resource := range r.Resources {
			got.Insert(resource + "." + r.Group)
		}
	}
	for _, manifest := range examples.Manifests() {
		var template kubebindv1alpha2.APIServiceExportTemplate
		if err := sigsyaml.Unmarshal(manifest, &template); err != nil || template.Kind != "APIServiceExportTemplate" {
			continue
		}
		for _, r := range template.Spec.Resources {
			want.Insert(r.Resource + "." + r.Group)
		}
		for _, c := range template.Spec.PermissionClaims {
			want.Insert(c.Resource + "." + c.Group)
		}
	}
	if len(want) != 3 || !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// found is what docker says of nodes, each with its network.
func found(t *testing.T, networks map[string]string) map[string]Container {
	t.Helper()
	raw := `{"Name":"/other","State":{"Running":false}}`
	for cluster, network := range networks {
		raw += `,{"Name":"/` + Node(cluster) + `","State":{"Running":true,"StartedAt":"2026-11-28T10:00:00.123456789Z"},` +
			`"Config":{"Image":"kindest/node:v1.36.1@sha256:0123"},"NetworkSettings":{"Networks":{"` + network + `":{"IPAddress":"172.18.0.2"}}}}`
	}
	out, err := ReadContainers([]byte("[" + raw + "]"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What is run is told by what is there.
func TestCommands(t *testing.T) {
	const (
		create = "kind create cluster --name kind-NAME --config /dev/kind-NAME.kind.yaml --kubeconfig /dev/NAME.kubeconfig"
		start  = "docker start kind-NAME-control-plane"
		read   = "kind export kubeconfig --name kind-NAME --kubeconfig /dev/NAME.kubeconfig"
		remove = "kind delete cluster --name kind-NAME --kubeconfig /dev/NAME.kubeconfig"
		ours   = DefaultNetwork
	)
	provider := func(command string) string { return strings.ReplaceAll(command, "NAME", "provider") }
	consumer := func(command string) string { return strings.ReplaceAll(command, "NAME", "consumer") }
	for name, tc := range map[string]struct {
		there         map[string]string
		made          []string
		foreign       string
		start, delete []string
	}{
		"nothing":              {nil, nil, "", []string{provider(create), consumer(create)}, nil},
		"both, as they should": {map[string]string{"kind-provider": ours, "kind-consumer": ours}, []string{"kind-provider", "kind-consumer"}, "", []string{provider(start), provider(read), consumer(start), consumer(read)}, []string{provider(remove), consumer(remove)}},
		"half of one":          {map[string]string{"kind-provider": ours}, nil, "", []string{provider(remove), provider(create), consumer(create)}, []string{provider(remove)}},
		"one was deleted":      {map[string]string{"kind-provider": ours}, []string{"kind-provider", "kind-consumer"}, "", []string{provider(start), provider(read), consumer(create)}, []string{provider(remove)}},
		"somebody else's":      {map[string]string{"kind-provider": ours, "kind-consumer": "kind"}, []string{"kind-provider"}, "kind-consumer", nil, []string{provider(remove)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := defaults()
			s.Made = tc.made
			nodes := found(t, tc.there)
			if got := s.Foreign(nodes, false); got != tc.foreign {
				t.Errorf("foreign: %q", got)
			}
			if fresh := s.Foreign(nodes, true); (fresh == "") != (len(tc.there) == 0) {
				t.Errorf("of a new environment, %q is foreign", fresh)
			}
			if got := lines(s.Start("/dev", nodes)); tc.foreign == "" && !slices.Equal(got, tc.start) {
				t.Errorf("start: got %q", got)
			}
			if got := lines(s.Delete("/dev", nodes)); !slices.Equal(got, tc.delete) {
				t.Errorf("delete: got %q", got)
			}
		})
	}
}

func lines(commands []Command) (out []string) {
	for _, c := range commands {
		out = append(out, strings.Join(c.Args, " "))
	}
	return out
}

// Each kind is told of engine and network, and Helm works on this cluster, and caches in the folder only.
func TestCommandsKeepToTheEnvironment(t *testing.T) {
	s := (&Settings{}).With(&Settings{Engine: "podman", Network: "west"}, "v1.2.3")
	for _, c := range slices.Concat(s.Start("/dev", nil), s.Install("/dev", []string{"a.tar"}, time.Minute), s.Delete("/dev", found(t, map[string]string{"kind-provider": "west"}))) {
		want := []string{"KIND_EXPERIMENTAL_PROVIDER=podman", "KIND_EXPERIMENTAL_PODMAN_NETWORK=west"}
		if c.Args[0] == "helm" {
			want = []string{"HELM_CACHE_HOME=/dev/helm"}
		}
		if !slices.Equal(c.Env, want) {
			t.Errorf("%q: %v", c.Args, c.Env)
		}
	}
	want := []string{
		"kind load image-archive a.tar --name kind-provider", "kind load image-archive a.tar --name kind-consumer",
		"helm upgrade --install kube-bind /dev/chart --namespace kube-bind --create-namespace --kubeconfig /dev/provider.kubeconfig --values /dev/values.yaml --wait --timeout 1m0s",
	}
	if got := lines(s.Install("/dev", []string{"a.tar"}, 60*time.Second+time.Millisecond)); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for variable, inherited := range map[string]bool{"PATH=/bin": true, "DOCKER_HOST=x": true, "HELM_KUBECONTEXT=work": false, "HELM_KUBETOKEN=x": false, "KUBECONFIG=x": false} {
		if Inherited(variable) != inherited {
			t.Errorf("%s is inherited: %v", variable, !inherited)
		}
	}
}

// What an environment has stays, unless something else is asked for.
func TestWith(t *testing.T) {
	have := (&Settings{}).With(&Settings{Engine: "docker", Chart: "/charts/backend", Tag: "v1", Consumer: "west"}, "v1.2.3")
	if have.ChartVersion != "" || have.Image != DefaultImage || have.Provider != DefaultProvider {
		t.Errorf("got %+v", have)
	}
	again := have.With(&Settings{Engine: "podman", Tag: "v2"}, "v4.5.6")
	if again.Engine != "docker" || again.Chart != "/charts/backend" || again.ChartVersion != "" || again.Tag != "v2" || again.Consumer != "west" {
		t.Errorf("got %+v", again)
	}
	other := again.With(&Settings{Chart: "oci://charts.example.com/backend", ChartVersion: "9.9.9"}, "v4.5.6")
	if args := lines(other.Install("/dev", nil, time.Minute)); len(args) != 1 || !strings.Contains(args[0], " oci://charts.example.com/backend ") || !strings.HasSuffix(args[0], " --version 9.9.9") {
		t.Errorf("got %q", args)
	}
	if last := other.With(&Settings{Chart: "/charts/backend"}, "v4.5.6"); last.ChartVersion != "" {
		t.Errorf("got %+v", last)
	}
}

func TestVersion(t *testing.T) {
	node := found(t, map[string]string{"kind-provider": "x"})["kind-provider-control-plane"]
	if node.Version() != "v1.36.1" || !node.State.Running || node.State.StartedAt.IsZero() {
		t.Errorf("got %+v", node)
	}
	if _, err := ReadContainers([]byte("Cannot connect")); err == nil {
		t.Error("it was read")
	}
}
