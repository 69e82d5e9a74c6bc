// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/printable"
)

// completes is how long somebody waits who has pressed Tab.
const completes = 3 * time.Second

// completions are the words that can stand somewhere: a Tab and a description can follow each. What cannot be asked has none.
type completions func(ctx context.Context, args []string) []cobra.Completion

// noFiles is the completion of something that is no file.
func noFiles(words completions) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completes)
		defer cancel()
		found := words(ctx, args)
		for i := range found {
			found[i] = printable.Lines(found[i])
		}
		slices.Sort(found)
		return slices.Compact(found), cobra.ShellCompDirectiveNoFileComp
	}
}

// first is noFiles for the first argument only.
func first(words completions) cobra.CompletionFunc {
	return noFiles(func(ctx context.Context, args []string) []cobra.Completion {
		if len(args) > 0 {
			return nil
		}
		return words(ctx, args)
	})
}

// completeFlag completes the value of a flag that the command has.
func completeFlag(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	// It fails only for flags that do not exist, or have a completion: TestCompletion looks at each.
	_ = cmd.RegisterFlagCompletionFunc(flag, f)
}

// fixed completes a flag with words that are always the same. After one that ends in = there is more to type.
func fixed(cmd *cobra.Command, flag string, words ...cobra.Completion) {
	completeFlag(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// completeCommon completes the flags of all commands.
func (c *cli) completeCommon(root *cobra.Command) {
	completeFlag(root, "server", noFiles(c.knownServers))
	completeFlag(root, "cluster", noFiles(c.knownClusters))
	completeFlag(root, "context", noFiles(c.contexts))
}

// templates are those that may be bound.
func (c *cli) templates(ctx context.Context, args []string) []cobra.Completion {
	return fromTemplates(c.offered(ctx, args), func(t *kubebindv1alpha2.APIServiceExportTemplate) []cobra.Completion {
		return []cobra.Completion{cobra.CompletionWithDesc(t.Name, strings.Join(strings.Fields(t.Spec.Description), " "))}
	})
}

// claimed are the resources that templates claim.
func (c *cli) claimed(ctx context.Context, args []string) []cobra.Completion {
	return fromTemplates(c.offered(ctx, args), func(t *kubebindv1alpha2.APIServiceExportTemplate) []cobra.Completion {
		var out []cobra.Completion
		for _, claim := range t.Spec.PermissionClaims {
			out = append(out, claim.GroupResource.GroupResource().String())
		}
		return out
	})
}

func (c *cli) offered(ctx context.Context, args []string) *kubebindv1alpha2.APIServiceExportTemplateList {
	client, _, err := c.signedIn(strings.Join(args, ""))
	if err != nil {
		return nil
	}
	list, err := client.Templates(ctx)
	if err != nil {
		return nil
	}
	return list
}

func fromTemplates(list *kubebindv1alpha2.APIServiceExportTemplateList, words func(*kubebindv1alpha2.APIServiceExportTemplate) []cobra.Completion) []cobra.Completion {
	var out []cobra.Completion
	if list != nil {
		for i := range list.Items {
			out = append(out, words(&list.Items[i])...)
		}
	}
	return out
}

// bindings are those of the cluster.
func (c *cli) bindings(ctx context.Context, _ []string) []cobra.Completion {
	consumer, err := c.consumer()
	if err != nil {
		return nil
	}
	var list kubebindv1alpha2.APIServiceBindingList
	if err := consumer.List(ctx, &list); err != nil {
		return nil
	}
	var out []cobra.Completion
	for i := range list.Items {
		out = append(out, cobra.CompletionWithDesc(list.Items[i].Name, list.Items[i].Status.ProviderPrettyName))
	}
	return out
}

// knownServers are those in the config file.
func (c *cli) knownServers(context.Context, []string) []cobra.Completion {
	return c.fromConfig(func(s *server) string { return s.URL })
}

func (c *cli) knownClusters(context.Context, []string) []cobra.Completion {
	return c.fromConfig(func(s *server) string { return s.Cluster })
}

func (c *cli) fromConfig(word func(*server) string) []cobra.Completion {
	file, err := loadConfig(c.configFile)
	if err != nil {
		return nil
	}
	var out []cobra.Completion
	for _, s := range file.Servers {
		if w := word(s); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// contexts are those of the kubeconfig.
func (c *cli) contexts(context.Context, []string) []cobra.Completion {
	raw, err := c.kube.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil
	}
	var out []cobra.Completion
	for name := range raw.Contexts {
		out = append(out, name)
	}
	return out
}
