// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"context"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/providers/kcp"
	"kube-bind.io/kube-bind/test/attack"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/wild"
)

func thing(group, version, resource, kind string, names []string, namespaced bool) attack.Thing {
	return attack.Thing{Group: group, Version: version, Resource: resource, Kind: kind, Names: names, Namespaced: namespaced}
}

// things are everything that is kube-bind's, that is bound, and by which one could get at it.
func things() []attack.Thing {
	const v1, group, rbac = "v1", kubebindv1alpha2.GroupName, "rbac.authorization.k8s.io"
	binder := []string{kubebindv1alpha2.BinderName}
	out := []attack.Thing{
		thing("wildwest.dev", "v1alpha1", "cowboys", "Cowboy", []string{"billy"}, true),
		thing("wildwest.dev", "v1alpha1", "cowboys/status", "Cowboy", []string{"billy"}, true),
		thing("", v1, "secrets", "Secret", []string{kubebindv1alpha2.KubeconfigSecretName}, true),
		thing("", v1, "configmaps", "ConfigMap", []string{"kube-root-ca.crt"}, true),
		thing("", v1, "serviceaccounts", "ServiceAccount", binder, true),
		thing("", v1, "serviceaccounts/token", "TokenRequest", binder, true),
		thing("", v1, "events", "Event", []string{"some"}, true),
		thing("", v1, "namespaces", "Namespace", []string{"default"}, false),
		thing(rbac, v1, "roles", "Role", binder, true),
		thing(rbac, v1, "rolebindings", "RoleBinding", binder, true),
		thing(rbac, v1, "clusterroles", "ClusterRole", []string{"kube-bind-backend"}, false),
		thing(rbac, v1, "clusterrolebindings", "ClusterRoleBinding", []string{"kube-bind-backend"}, false),
		thing("tenancy.kcp.io", "v1alpha1", "workspaces", "Workspace", []string{"some"}, false),
		thing("core.kcp.io", "v1alpha1", "logicalclusters", "LogicalCluster", []string{"cluster"}, false),
		thing("apis.kcp.io", "v1alpha2", "apibindings", "APIBinding", []string{kcp.ExportName, "cowboys.wildwest.dev"}, false),
		thing("apis.kcp.io", "v1alpha2", "apiexports", "APIExport", []string{kcp.ExportName, "cowboys.wildwest.dev"}, false),
		thing("apis.kcp.io", "v1alpha1", "apiresourceschemas", "APIResourceSchema", []string{"some"}, false),
		thing("apis.kcp.io", "v1alpha1", "apiexportendpointslices", "APIExportEndpointSlice", []string{kcp.ExportName}, false),
		thing("apiextensions.k8s.io", v1, "customresourcedefinitions", "CustomResourceDefinition", []string{"cowboys.wildwest.dev"}, false),
		thing("admissionregistration.k8s.io", v1, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", []string{"some"}, false),
	}
	for _, r := range []struct {
		resource, kind, name string
		status, wide         bool
	}{
		{"apiserviceexports", "APIServiceExport", "cowboys", true, false},
		{"apiserviceexportrequests", "APIServiceExportRequest", "cowboys", false, false},
		{"apiservicenamespaces", "APIServiceNamespace", "team", true, false},
		{"boundschemas", "BoundSchema", "cowboys.wildwest.dev", true, false},
		{"clusterbindings", "ClusterBinding", kubebindv1alpha2.ClusterBindingName, true, false},
		{"bindableresourcesrequests", "BindableResourcesRequest", "some", true, false},
		{"apiserviceexporttemplates", "APIServiceExportTemplate", "cowboys", true, true},
		{"collections", "Collection", "some", false, true},
	} {
		out = append(out, thing(group, "v1alpha2", r.resource, r.kind, []string{r.name}, !r.wide))
		if r.status {
			out = append(out, thing(group, "v1alpha2", r.resource+"/status", r.kind, []string{r.name}, !r.wide))
		}
	}
	return out
}

// logicalCluster is a spot that is reached directly.
func logicalCluster(what, name string, namespaces ...string) attack.Spot {
	return attack.Spot{What: what, Path: "/clusters/" + name, Namespaces: append(namespaces, "default")}
}

// virtual are the virtual workspaces over logical clusters.
func virtual(home string, hosts []*wild.Provider, clusters []string, namespace string) []attack.Spot {
	var out []attack.Spot
	add := func(what, service, cluster string) {
		out = append(out, attack.Spot{What: what + " of " + cluster, Path: "/services/" + service + "/clusters/" + cluster, Namespaces: []string{namespace}})
	}
	for _, cluster := range append([]string{"*"}, clusters...) {
		add("kube-bind's export", "apiexport/"+home+"/"+kcp.ExportName, cluster)
		for i, host := range hosts {
			add(fmt.Sprintf("export of host %d", i), "apiexport/"+string(host.Cluster)+"/cowboys.wildwest.dev", cluster)
		}
		add("initializing workspaces", "initializingworkspaces/root:kube-bind:"+kcp.ConsumerType, cluster)
		if cluster != "*" {
			add("schemas", "apiresourceschema/"+cluster, cluster)
		}
	}
	return out
}

// cluster is the name of the logical cluster of a path.
func (b *backend) cluster(t *testing.T, path string) string {
	t.Helper()
	c, err := b.Client(path)
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: "default"}, namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Annotations["kcp.io/cluster"]
}

// settled are consumers with an object each, of hosts by their index.
func (b *backend) settled(t *testing.T, hosts []*wild.Provider, at ...int) []*consumer {
	t.Helper()
	out := make([]*consumer, 0, len(at))
	for i, host := range at {
		c := b.bind(t, hosts[host], "cowboys", fmt.Sprintf("%s-consumer-%d", b.tenancy, i))
		c.team(t)
		c.create(t, c.cowboy("billy"))
		out = append(out, c)
	}
	return out
}

// No consumer may do anything anywhere but in its own place: not in those of others, nor with their providers, in root, in
// kube-bind's own workspace, or by any virtual workspace.
func TestConsumersAreKeptApart(t *testing.T) {
	for _, b := range []*backend{world.workspaces, world.namespaces} {
		t.Run(b.tenancy, func(t *testing.T) {
			hosts := []*wild.Provider{b.provider(t, b.tenancy+"-apart-a"), b.provider(t, b.tenancy+"-apart-b")}
			consumers := b.settled(t, hosts, 0, 1, 0)
			home := b.cluster(t, b.Prepared.Path)
			for i, c := range consumers[:2] { // the third is there to be attacked
				all := foreign(b, hosts, consumers, i, home)
				codes := attack.Answers(t, c.config, all)
				t.Logf("consumer %d has tried %d requests", i, len(all))
				if got := attack.Matrix(all, codes); got != "" {
					t.Errorf("consumer %d is not refused:\n%s", i, got)
				}
				c.works(t)
			}
			for i, c := range consumers {
				expect.Eventually(t, "the object to be as its consumer has made it", func(ctx context.Context) error {
					o := c.cowboy("billy")
					if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil || o.GetLabels()["a"] == "b" {
						return fmt.Errorf("that of consumer %d: %w, %v", i, err, o.GetLabels())
					}
					return nil
				})
			}
		})
	}
}

// foreign is everything that is not the place of a consumer.
func foreign(b *backend, hosts []*wild.Provider, consumers []*consumer, me int, home string) []attack.Attempt {
	own := consumers[me]
	spots := []attack.Spot{
		logicalCluster("root", "root"), logicalCluster("kube-bind's own", home, kcpNamespace), logicalCluster("kube-bind's own", b.Prepared.Path),
		logicalCluster("everything", "*"), logicalCluster("system:admin", "system:admin"),
	}
	var clusters []string
	for i, h := range hosts {
		clusters = append(clusters, string(h.Cluster))
		if string(h.Cluster) != own.cluster { // with the tenancy namespace the own place is in a host
			spots = append(spots, logicalCluster(fmt.Sprintf("host %d", i), string(h.Cluster)), logicalCluster(fmt.Sprintf("host %d by path", i), h.Path))
		}
	}
	for i, c := range consumers {
		if !slices.Contains(clusters, c.cluster) {
			clusters = append(clusters, c.cluster)
		}
		if i != me && c.cluster != own.cluster {
			spots = append(spots, logicalCluster(fmt.Sprintf("place %d", i), c.cluster, c.namespace, c.copies))
		}
		if i == 1 && c.cluster != string(hosts[1].Cluster) && me != 1 {
			spots = append(spots, logicalCluster("place 1 by path", hosts[1].Path+":"+c.namespace, c.namespace, c.copies))
		}
	}
	spots = append(spots, virtual(home, hosts, clusters, own.namespace)...)
	var out []attack.Attempt
	for _, s := range spots {
		out = append(out, attack.Attempts(s, things())...)
	}
	out = append(out, besideMe(consumers, me)...)
	// Whoever is authenticated may come into root, and read what a workspace is that it may come into: kcp's own doing.
	return slices.DeleteFunc(out, func(a attack.Attempt) bool {
		return a.Where == "root" && a.Resource == "logicalclusters.core.kcp.io" && slices.Contains([]string{"get", "list", "watch"}, a.Verb)
	})
}

// besideMe is what is in the own logical cluster and another's: namespaces of others, and what is in no namespace.
func besideMe(consumers []*consumer, me int) []attack.Attempt {
	own := consumers[me]
	beside := logicalCluster("own logical cluster", own.cluster, "kube-system")
	for i, c := range consumers {
		if i != me && c.cluster == own.cluster {
			beside.Namespaces = append(beside.Namespaces, c.namespace, c.copies)
		}
	}
	out := attack.Attempts(beside, things())
	return slices.DeleteFunc(out, func(a attack.Attempt) bool {
		// In a workspace of its own a consumer watches its objects in all namespaces at once.
		return own.alone() && a.Resource == "cowboys.wildwest.dev" && (a.Verb == "list" || a.Verb == "watch" || a.Verb == "get")
	})
}

// alone tells whether the logical cluster is the consumer's own.
func (c *consumer) alone() bool { return c.copies == "team" }
