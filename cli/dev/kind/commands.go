// SPDX-License-Identifier: Apache-2.0

package kind

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Command is one program to run.
type Command struct {
	// Doing says what it does.
	Doing string
	// Args begin with the program.
	Args []string
	// Env are variables besides those of the caller.
	Env []string
	// Made is the cluster that is there once it has ended well.
	Made string
}

// Container is what the engine says of a node.
type Container struct {
	// Name is that of the container.
	Name string
	// State is how it is.
	State struct {
		// Running says that it runs.
		Running bool
		// StartedAt is since when.
		StartedAt time.Time
	}
	// Config is what it was made from.
	Config struct {
		// Image has the version of Kubernetes in its tag.
		Image string
	}
	// NetworkSettings say where it can be reached.
	NetworkSettings struct {
		// Networks has the names of the networks that it is in.
		Networks map[string]json.RawMessage
	}
}

// Version is that of Kubernetes.
func (c *Container) Version() string {
	name, _, _ := strings.Cut(c.Config.Image, "@")
	return name[strings.LastIndex(name, ":")+1:]
}

// ReadContainers reads what "inspect" of the engine prints: docker puts a slash before names.
func ReadContainers(raw []byte) (map[string]Container, error) {
	var list []Container
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("reading what the container engine says: %w", err)
	}
	out := map[string]Container{}
	for _, c := range list {
		out[strings.TrimPrefix(c.Name, "/")] = c
	}
	return out, nil
}

// Start brings up both clusters: those that are there are started, and what an interrupted command has left is made anew.
func (s *Settings) Start(dir string, found map[string]Container) []Command {
	var out []Command
	for _, cluster := range s.clusters() {
		name, kubeconfig := cluster[0], filepath.Join(dir, cluster[1])
		_, there := found[Node(name)]
		if there && slices.Contains(s.Made, name) {
			out = append(out,
				Command{Doing: "starting the cluster " + name, Args: []string{s.Engine, "start", Node(name)}},
				s.kind("reading the kubeconfig of "+name, "export", "kubeconfig", "--name", name, "--kubeconfig", kubeconfig))
			continue
		}
		if there {
			out = append(out, s.remove(name, kubeconfig))
		}
		create := s.kind("creating the cluster "+name, "create", "cluster", "--name", name, "--config", filepath.Join(dir, configFile(name)), "--kubeconfig", kubeconfig)
		create.Made = name
		out = append(out, create)
	}
	return out
}

// Install brings images into both clusters, and the backend into the provider.
func (s *Settings) Install(dir string, archives []string, timeout time.Duration) []Command {
	var out []Command
	for _, archive := range archives {
		for _, cluster := range s.clusters() {
			out = append(out, s.kind("loading "+archive+" into "+cluster[0], "load", "image-archive", archive, "--name", cluster[0]))
		}
	}
	args := []string{"helm", "upgrade", "--install", release, cmp.Or(s.Chart, filepath.Join(dir, ChartFolder)), "--namespace", release, "--create-namespace",
		"--kubeconfig", filepath.Join(dir, ProviderKubeconfig), "--values", filepath.Join(dir, valuesFile), "--wait", "--timeout", timeout.Round(time.Second).String()}
	if s.ChartVersion != "" {
		args = append(args, "--version", s.ChartVersion)
	}
	return append(out, Command{Doing: "installing the backend", Args: args, Env: []string{"HELM_CACHE_HOME=" + filepath.Join(dir, "helm")}})
}

// Delete removes those clusters that are there and ours, and no other.
func (s *Settings) Delete(dir string, found map[string]Container) []Command {
	var out []Command
	for _, cluster := range s.clusters() {
		if node, there := found[Node(cluster[0])]; there && s.owns(node) {
			out = append(out, s.remove(cluster[0], filepath.Join(dir, cluster[1])))
		}
	}
	return out
}

func (s *Settings) remove(cluster, kubeconfig string) Command {
	return s.kind("deleting the cluster "+cluster, "delete", "cluster", "--name", cluster, "--kubeconfig", kubeconfig)
}

func (s *Settings) kind(doing string, args ...string) Command {
	env := []string{"KIND_EXPERIMENTAL_PROVIDER=" + s.Engine, "KIND_EXPERIMENTAL_" + strings.ToUpper(s.Engine) + "_NETWORK=" + s.Network}
	return Command{Doing: doing, Args: append([]string{"kind"}, args...), Env: env}
}

// Logs is the command that prints what a cluster, or the backend, says.
func (s *Settings) Logs(cluster string) string { return s.Engine + " logs " + Node(cluster) }

// BackendLogs is the command that prints what the backend says.
func (s *Settings) BackendLogs(dir string) string {
	return "kubectl --kubeconfig " + filepath.Join(dir, ProviderKubeconfig) + " --namespace " + release + " logs deployment/" + deployment
}

// Inherited says whether a variable of the caller is for the commands: those by which Helm would go to another cluster are not.
func Inherited(variable string) bool {
	return !strings.HasPrefix(variable, "HELM_KUBE") && !strings.HasPrefix(variable, "KUBECONFIG=")
}
