// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
)

func (c *cli) templatesCommand() *cobra.Command {
	return c.listCommand("templates", "List what can be bound", c.templateTable(), func(ctx context.Context, client *backendclient.Client) (runtime.Object, error) {
		list, err := client.Templates(ctx)
		if err != nil {
			return nil, err
		}
		list.TypeMeta = typeMeta("APIServiceExportTemplateList")
		// A list of nothing is a list.
		list.Items = append([]kubebindv1alpha2.APIServiceExportTemplate{}, list.Items...)
		for i := range list.Items {
			list.Items[i].TypeMeta = typeMeta("APIServiceExportTemplate")
		}
		return list, nil
	})
}

func (c *cli) collectionsCommand() *cobra.Command {
	return c.listCommand("collections", "List groups of what can be bound", c.collectionTable(), func(ctx context.Context, client *backendclient.Client) (runtime.Object, error) {
		list, err := client.Collections(ctx)
		if err != nil {
			return nil, err
		}
		list.TypeMeta = typeMeta("CollectionList")
		list.Items = append([]kubebindv1alpha2.Collection{}, list.Items...)
		for i := range list.Items {
			list.Items[i].TypeMeta = typeMeta("Collection")
		}
		return list, nil
	})
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: kind}
}

// listCommand prints a list of the server's.
func (c *cli) listCommand(name, short string, t table, list func(context.Context, *backendclient.Client) (runtime.Object, error)) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: name + " [SERVER_URL]", Short: short, Args: atMost(1),
		PreRunE: func(*cobra.Command, []string) error { return o.validate() },
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := c.signedIn(strings.Join(args, ""))
			if err != nil {
				return err
			}
			found, err := list(cmd.Context(), client)
			if err != nil {
				return err
			}
			return o.print(c.Out, c.ErrOut, found, t)
		},
	}
	o.addFlag(cmd)
	cmd.ValidArgsFunction = first(c.knownServers)
	return cmd
}

func (c *cli) templateTable() table {
	return table{
		columns: []string{"NAME", "RESOURCES", "PERMISSIONCLAIMS", "AGE", "DESCRIPTION"}, wide: 1,
		none: "You may bind nothing here. The provider's administrator can change that.",
		row: func(item *unstructured.Unstructured) []string {
			description, _, _ := unstructured.NestedString(item.Object, "spec", "description")
			return []string{
				item.GetName(), orNone(resourcesOf(item, "resources")), orNone(resourcesOf(item, "permissionClaims")), age(item, c.Now()),
				strings.Join(strings.Fields(description), " "),
			}
		},
	}
}

func (c *cli) collectionTable() table {
	return table{
		columns: []string{"NAME", "DESCRIPTION", "TEMPLATES", "AGE"}, none: "There are no collections.",
		row: func(item *unstructured.Unstructured) []string {
			description, _, _ := unstructured.NestedString(item.Object, "spec", "description")
			var templates []string
			eachOf(item, "templates", func(entry map[string]any) {
				name, _, _ := unstructured.NestedString(entry, "name")
				templates = append(templates, name)
			})
			return []string{item.GetName(), orElse(strings.Join(strings.Fields(description), " "), "<none>"), orNone(templates), age(item, c.Now())}
		},
	}
}

// resourcesOf are the resources in a list of the spec: with their group, if they have one.
func resourcesOf(item *unstructured.Unstructured, field string) []string {
	var out []string
	eachOf(item, field, func(entry map[string]any) {
		group, _, _ := unstructured.NestedString(entry, "group")
		resource, _, _ := unstructured.NestedString(entry, "resource")
		out = append(out, strings.TrimSuffix(resource+"."+group, "."))
	})
	return out
}

func eachOf(item *unstructured.Unstructured, field string, f func(entry map[string]any)) {
	entries, _, _ := unstructured.NestedSlice(item.Object, "spec", field)
	for _, entry := range entries {
		if fields, ok := entry.(map[string]any); ok {
			f(fields)
		}
	}
}
