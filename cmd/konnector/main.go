// SPDX-License-Identifier: Apache-2.0

// Command konnector is the agent in a consumer cluster.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	// An image from scratch has no certificates of public authorities; where the system has some, those count.
	_ "golang.org/x/crypto/x509roots/fallback"

	"kube-bind.io/kube-bind/konnector"
)

// version is set by the linker.
var version = "v0.0.0"

func main() {
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "konnector:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	options := konnector.NewOptions()
	options.Version = version
	cmd := &cobra.Command{
		Use:           "konnector",
		Short:         "Bind APIs of other clusters and sync their objects",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctrl.SetLogger(klog.Background())
			if err := options.Complete(); err != nil {
				return err
			}
			if err := options.Validate(); err != nil {
				return err
			}
			k, err := konnector.New(*options)
			if err != nil {
				return err
			}
			return k.Run(cmd.Context())
		},
	}
	options.AddFlags(cmd.Flags())
	logs := flag.NewFlagSet("logs", flag.ContinueOnError)
	klog.InitFlags(logs)
	cmd.Flags().AddGoFlagSet(logs)
	return cmd
}
