// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
)

// statusTimeout is how long a provider may take to say when it last heard of the konnector.
const statusTimeout = 10 * time.Second

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
				return exit(ExitUnhealthy, fmt.Errorf("the binding %s is not healthy", found[i].Name), "")
			}
			return nil
		},
	}
	o.addFlag(cmd)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "Fail if a binding is not healthy.")
	return cmd
}

// statuses looks at all bindings, or at the one of that name.
func (c *cli) statuses(ctx context.Context, consumer client.Client, name string) ([]bindingStatus, error) {
	var list kubebindv1alpha2.APIServiceBindingList
	if err := consumer.List(ctx, &list); err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("listing the bindings: %w", err)
	}
	var out []bindingStatus
	for i := range list.Items {
		if name == "" || list.Items[i].Name == name {
			out = append(out, c.status(ctx, consumer, &list.Items[i]))
		}
	}
	if name != "" && len(out) == 0 {
		return nil, fmt.Errorf("there is no APIServiceBinding %q in your cluster", name)
	}
	return out, nil
}

func (c *cli) status(ctx context.Context, consumer client.Client, b *kubebindv1alpha2.APIServiceBinding) bindingStatus {
	out := bindingStatus{
		TypeMeta: metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "BindingStatus"},
		Provider: b.Status.ProviderPrettyName,
	}
	out.Name, out.CreationTimestamp = b.Name, b.CreationTimestamp
	for _, bound := range b.Status.BoundSchemas {
		counted, err := count(ctx, consumer, bound.GroupResource)
		if err != nil {
			out.Problems = append(out.Problems, fmt.Sprintf("%s: %v", bound.GroupResource.GroupResource(), err))
		}
		out.Resources = append(out.Resources, counted)
	}
	for _, condition := range b.Status.Conditions {
		if condition.Status != metav1.ConditionTrue {
			out.Problems = append(out.Problems, fmt.Sprintf("%s: %s: %s", condition.Type, condition.Reason, condition.Message))
		}
	}
	out.Healthy = len(b.Status.Conditions) > 0 && len(out.Problems) == 0
	c.askProvider(ctx, consumer, b, &out)
	return out
}

// askProvider reads what the provider knows of the konnector, with the konnector's own credential.
func (c *cli) askProvider(ctx context.Context, consumer client.Client, b *kubebindv1alpha2.APIServiceBinding, out *bindingStatus) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	ref := b.Spec.KubeconfigSecretRef
	secret := &corev1.Secret{}
	if err := consumer.Get(ctx, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, secret); err != nil {
		return
	}
	place, err := install.Read(secret.Data[ref.Key])
	if err != nil {
		return
	}
	provider, err := c.providerClient(place)
	if err != nil {
		return
	}
	start := c.Now()
	binding := &kubebindv1alpha2.ClusterBinding{}
	err = provider.Get(ctx, client.ObjectKey{Namespace: place.Namespace, Name: kubebindv1alpha2.ClusterBindingName}, binding)
	if err != nil {
		out.Problems = append(out.Problems, "the provider does not answer this program: "+reasonOf(err))
		out.Healthy = false
		return
	}
	took := c.Now().Sub(start).Milliseconds()
	out.Latency, out.LastHeartbeat = &took, binding.Status.LastHeartbeatTime
}

// reasonOf is the short form of an error of an API server.
func reasonOf(err error) string {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "not in time"
	}
	return err.Error()
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
	if err := o.print(c.Out, c.ErrOut, list, c.statusTable(found)); err != nil || o.format != "" && o.format != "wide" {
		return err
	}
	for _, s := range found {
		for _, problem := range s.Problems {
			if _, err := fmt.Fprintf(c.Out, "\n%s: %s\n", s.Name, problem); err != nil {
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
		columns: []string{"NAME", "PROVIDER", "HEALTHY", "RESOURCES", "SYNCED", "HEARTBEAT", "LATENCY", "AGE"},
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
				fmt.Sprintf("%d/%d", synced, objects), heartbeat, latency, age(item, c.Now()),
			}
		},
	}
}
