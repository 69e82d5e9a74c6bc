// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// identityNamespace is the namespace whose UID tells a cluster from others.
const identityNamespace = "kube-system"

func (c *cli) identityCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cluster-identity", Short: "Print what this cluster is known to a provider as", Args: none,
		Long: "Prints the UID of a namespace: kube-system, or the one that --namespace names.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			namespace := identityNamespace
			if c.kube.Namespace != nil && *c.kube.Namespace != "" {
				namespace = *c.kube.Namespace
			}
			consumer, err := c.consumer()
			if err != nil {
				return err
			}
			identity, err := identityOf(cmd.Context(), consumer, namespace)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.Out, identity)
			return err
		},
	}
}

func identityOf(ctx context.Context, consumer client.Client, namespace string) (string, error) {
	ns := &corev1.Namespace{}
	if err := consumer.Get(ctx, client.ObjectKey{Name: namespace}, ns); err != nil {
		code, _ := explain(err)
		return "", exit(code, fmt.Errorf("reading the identity of your cluster: %w", err), "See --kubeconfig and --context, or name the identity with --cluster-identity.")
	}
	return string(ns.UID), nil
}
