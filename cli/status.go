// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/printable"
)

// reasonConflict is what the konnector calls an object whose copy would have the name of somebody else's.
const reasonConflict = "Conflict"

// bindingStatus is what people want to know of a binding, and what -o json and yaml print.
type bindingStatus struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	// Provider is the provider's name for people.
	Provider string `json:"provider"`
	// Healthy says that Ready is true, and no object is left behind.
	Healthy bool `json:"healthy"`
	// Resources are those that the binding brought.
	Resources []resourceStatus `json:"resources,omitempty"`
	// Conflicts counts objects whose copy would have the name of somebody else's object.
	Conflicts int `json:"conflicts"`
	// LastHeartbeat is when the provider last heard of the konnector.
	LastHeartbeat *metav1.Time `json:"lastHeartbeat,omitempty"`
	// Latency is how long the provider took for an answer to this program, in milliseconds.
	Latency *int64 `json:"latencyMilliseconds,omitempty"`
	// Problems are the conditions that are not true, with their messages.
	Problems []string `json:"problems,omitempty"`
}

// resourceStatus counts the objects of a resource in this cluster.
type resourceStatus struct {
	Resource string `json:"resource"`
	Objects  int    `json:"objects"`
	Synced   int    `json:"synced"`
}

func (c *cli) statusCommand() *cobra.Command {
	var o output
	var exitCode bool
	cmd := &cobra.Command{
		Use: "status [BINDING]", Short: "Show how bindings are doing", Args: atMost(1),
		PreRunE: func(*cobra.Command, []string) error { return o.validate() },
		RunE: func(cmd *cobra.Command, args []string) error {
			consumer, err := c.consumer()
			if err != nil {
				return err
			}
			found, err := c.statuses(cmd.Context(), consumer, strings.Join(args, ""))
			if err != nil {
				return err
			}
			if err := c.printStatus(&o, found); err != nil {
				return err
			}
			if i := slices.IndexFunc(found, func(s bindingStatus) bool { return !s.Healthy }); exitCode && i >= 0 {
				return exit(ExitUnhealthy, fmt.Errorf("the binding %s is not healthy", found[i].Name), "What is wrong is below the table. See also: kubectl describe apiservicebinding %s", found[i].Name)
			}
			return nil
		},
	}
	o.addFlag(cmd)
	cmd.ValidArgsFunction = first(c.bindings)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "Fail if a binding is not healthy.")
	return cmd
}

// statuses looks at all bindings, or at the one of that name.
func (c *cli) statuses(ctx context.Context, consumer client.Client, name string) ([]bindingStatus, error) {
	var list kubebindv1alpha2.APIServiceBindingList
	if err := consumer.List(ctx, &list); err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("listing the bindings: %w", err)
	}
	list.Items = slices.DeleteFunc(list.Items, func(b kubebindv1alpha2.APIServiceBinding) bool { return name != "" && b.Name != name })
	if name != "" && len(list.Items) == 0 {
		return nil, exit(ExitFailed, fmt.Errorf("there is no APIServiceBinding %q in your cluster", name), "What is bound: kubectl bind status")
	}
	providers := c.askProviders(ctx, consumer, list.Items)
	var out []bindingStatus
	for i := range list.Items {
		out = append(out, status(ctx, consumer, &list.Items[i], providers[list.Items[i].Spec.KubeconfigSecretRef]))
	}
	return out, nil
}

// status puts together what the binding says of itself, what is counted, and what its provider says.
func status(ctx context.Context, consumer client.Client, b *kubebindv1alpha2.APIServiceBinding, provider *providerStatus) bindingStatus {
	out := bindingStatus{
		TypeMeta: typeMeta("BindingStatus"), Provider: b.Status.ProviderPrettyName,
		LastHeartbeat: provider.heartbeat, Latency: provider.latency,
	}
	out.Name, out.CreationTimestamp = b.Name, b.CreationTimestamp
	for _, bound := range b.Status.BoundSchemas {
		counted, err := count(ctx, consumer, bound.GroupResource)
		if err != nil {
			out.Problems = append(out.Problems, fmt.Sprintf("%s: %v", bound.GroupResource.GroupResource(), err))
		}
		out.Resources = append(out.Resources, counted)
	}
	out.Conflicts = kubebindv1alpha2.ReadObjectProblems(b.Status.Conditions)[reasonConflict]
	for _, condition := range b.Status.Conditions {
		if condition.Status != metav1.ConditionTrue {
			out.Problems = append(out.Problems, fmt.Sprintf("%s: %s: %s", condition.Type, condition.Reason, condition.Message))
		}
	}
	if len(b.Status.Conditions) == 0 {
		out.Problems = append(out.Problems, "no konnector has looked at it yet")
	}
	if provider.problem != "" {
		out.Problems = append(out.Problems, provider.problem)
	}
	out.Healthy = len(out.Problems) == 0
	return out
}

// count looks at the metadata of objects: one with the konnector's finalizer has, or gets, a copy.
func count(ctx context.Context, consumer client.Client, resource kubebindv1alpha2.GroupResource) (resourceStatus, error) {
	out := resourceStatus{Resource: resource.GroupResource().String()}
	kind, err := consumer.RESTMapper().KindFor(schema.GroupVersionResource{Group: resource.Group, Resource: resource.Resource})
	if err != nil {
		return out, fmt.Errorf("its API is not there: %w", err)
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind)
	for next := ""; ; {
		if err := consumer.List(ctx, list, client.Limit(500), client.Continue(next)); err != nil {
			return out, fmt.Errorf("listing its objects: %w", err)
		}
		for i := range list.Items {
			out.Objects++
			if slices.Contains(list.Items[i].Finalizers, kubebindv1alpha2.SyncerFinalizer) {
				out.Synced++
			}
		}
		if next = list.Continue; next == "" {
			return out, nil
		}
	}
}

func (c *cli) printStatus(o *output, found []bindingStatus) error {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": kubebindv1alpha2.GroupVersion.String(), "kind": "BindingStatusList"}}
	for i := range found {
		u, err := toUnstructured(&found[i])
		if err != nil {
			return err
		}
		list.Items = append(list.Items, *u)
	}
	if err := o.print(c.Out, c.ErrOut, list, c.statusTable(found)); err != nil || !o.people() {
		return err
	}
	for _, s := range found {
		for _, problem := range s.Problems {
			if _, err := fmt.Fprintf(c.Out, "\n%s: %s\n", s.Name, printable.Line(problem)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cli) statusTable(found []bindingStatus) table {
	byName := map[string]*bindingStatus{}
	for i := range found {
		byName[found[i].Name] = &found[i]
	}
	return table{
		columns: []string{"NAME", "PROVIDER", "HEALTHY", "RESOURCES", "SYNCED", "CONFLICTS", "HEARTBEAT", "LATENCY", "AGE"},
		none:    "Nothing is bound.",
		row: func(item *unstructured.Unstructured) []string {
			s := byName[item.GetName()]
			var resources []string
			objects, synced := 0, 0
			for _, r := range s.Resources {
				resources, objects, synced = append(resources, r.Resource), objects+r.Objects, synced+r.Synced
			}
			heartbeat, latency := "<unknown>", "<unknown>"
			if s.LastHeartbeat != nil {
				heartbeat = duration.HumanDuration(c.Now().Sub(s.LastHeartbeat.Time)) + " ago"
			}
			if s.Latency != nil {
				latency = strconv.FormatInt(*s.Latency, 10) + "ms"
			}
			return []string{
				s.Name, orElse(s.Provider, "<unknown>"), strconv.FormatBool(s.Healthy), orNone(resources),
				fmt.Sprintf("%d/%d", synced, objects), strconv.Itoa(s.Conflicts), heartbeat, latency, age(item, c.Now()),
			}
		},
	}
}
