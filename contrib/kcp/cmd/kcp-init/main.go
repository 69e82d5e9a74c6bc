// SPDX-License-Identifier: Apache-2.0

// Command kcp-init prepares a kcp for kube-bind.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var file, kctx, out string
	var timeout time.Duration
	opts := kcpinit.Options{}
	cmd := &cobra.Command{
		Use:   "kcp-init",
		Short: "Prepare a kcp for kube-bind: its workspace, APIExport and backend's identity",
		Long: `kcp-init makes, or brings up to date, a workspace with the APIExport kube-bind.io, the type of consumers' workspaces, and what the
backend may do there. It may be repeated.

The backend is a user that kcp knows, such as by a client certificate with that common name. With --backend-user= it is a
ServiceAccount, whose kubeconfig --backend-kubeconfig writes; that is enough for a backend with --tenancy=namespace.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.BackendUser != "" && out != "" {
				return fmt.Errorf("--backend-kubeconfig: the credential of the user %s is kcp's to make; with --backend-user= the backend is a ServiceAccount", opts.BackendUser)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			rules := clientcmd.NewDefaultClientConfigLoadingRules()
			rules.ExplicitPath = file
			cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: kctx}).ClientConfig()
			if err != nil {
				return fmt.Errorf("reading the kubeconfig of kcp: %w", err)
			}
			opts.Config = cfg
			opts.Report = func(format string, args ...any) { fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) }
			prepared, err := kcpinit.Init(ctx, opts)
			if err != nil {
				return err
			}
			return write(cfg, prepared, out, opts.Report)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&file, "kcp-kubeconfig", "", "Kubeconfig of somebody who may do everything in the parent workspace. Default: as kubectl finds it.")
	fs.StringVar(&kctx, "context", "", "Context in the kubeconfig. Default: the current one.")
	fs.StringVar(&opts.Parent, "parent", "root", "Workspace to make kube-bind's own in.")
	fs.StringVar(&opts.Workspace, "workspace", "kube-bind", "Name of kube-bind's own workspace.")
	fs.StringSliceVar(&opts.ProviderGroups, "provider-groups", []string{"system:authenticated"}, "Groups that may bind kube-bind's API in their workspaces.")
	fs.StringVar(&opts.BackendUser, "backend-user", kcpinit.Account, "User that the backend is. Empty: a ServiceAccount.")
	fs.StringVar(&out, "backend-kubeconfig", "", "File to write the backend's kubeconfig to, for its owner only. Default: none.")
	fs.DurationVar(&timeout, "timeout", 2*time.Minute, "How long to wait for kcp.")
	return cmd
}
