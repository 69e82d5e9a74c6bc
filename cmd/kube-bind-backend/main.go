// SPDX-License-Identifier: Apache-2.0

// Command kube-bind-backend runs the provider's side of kube-bind.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // for --logging-format=json
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	// An image from scratch has no certificates of public authorities; where the system has some, those count.
	_ "golang.org/x/crypto/x509roots/fallback"

	"kube-bind.io/kube-bind/backend"
)

// version is set by the linker.
var version = "v0.0.0"

func main() {
	if err := newCommand().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	opts := backend.NewOptions()
	opts.Version = version
	logging := logsapi.NewLoggingConfiguration()
	logging.Verbosity = 2
	cmd := &cobra.Command{
		Use:           "kube-bind-backend",
		Short:         "Offer APIs of this cluster to consumers",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := logsapi.ValidateAndApply(logging, nil); err != nil {
				return err
			}
			opts.Logger = klog.Background()
			ctrl.SetLogger(opts.Logger)
			b, err := backend.New(opts)
			if err != nil {
				return err
			}
			return b.Run(cmd.Context())
		},
	}
	opts.AddFlags(cmd.Flags())
	logsapi.AddFlags(logging, cmd.Flags())
	return cmd
}
