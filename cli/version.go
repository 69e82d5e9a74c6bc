// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/printable"
)

// versionTimeout is how long server and cluster may take to say their versions.
const versionTimeout = 10 * time.Second

// versions is what kubectl bind version tells.
type versions struct {
	metav1.TypeMeta `json:",inline"`
	// Client is this program.
	Client clientVersion `json:"client"`
	// Server is the one that is used without --server.
	Server *serverVersion `json:"server,omitempty"`
	// Konnector is that of the cluster.
	Konnector *konnectorVersion `json:"konnector,omitempty"`
}

type clientVersion struct {
	Version   string `json:"version"`
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

type serverVersion struct {
	URL      string `json:"url"`
	Version  string `json:"version"`
	Provider string `json:"provider"`
}

type konnectorVersion struct {
	Image string `json:"image"`
}

func (c *cli) versionCommand() *cobra.Command {
	var o output
	var clientOnly bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the versions of this program, of the server, and of the konnector", Args: none,
		Long: `Prints the versions of this program, of the server that you are signed in at, and of the konnector in your cluster. One that
cannot be asked is an error, after the others are printed; with --client nobody is asked.`,
		PreRunE: func(*cobra.Command, []string) error { return o.validate() },
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := versions{
				TypeMeta: typeMeta("Versions"),
				Client:   clientVersion{Version: c.Version, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH},
			}
			var asked error
			if !clientOnly {
				asked = c.askVersions(cmd.Context(), &found)
			}
			return errors.Join(c.printVersions(&o, &found), asked)
		},
	}
	o.addFlag(cmd)
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Only the version of this program: ask nobody.")
	return cmd
}

// askVersions asks server and cluster. Who is not signed in has no server, and who has no kubeconfig no cluster.
func (c *cli) askVersions(ctx context.Context, into *versions) error {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	server, serverErr := c.askServer(ctx)
	konnector, konnectorErr := c.askKonnector(ctx)
	into.Server, into.Konnector = server, konnector
	if serverErr != nil {
		return serverErr
	}
	return konnectorErr
}

func (c *cli) askServer(ctx context.Context) (*serverVersion, error) {
	file, err := loadConfig(c.configFile)
	if err != nil {
		return nil, err
	}
	s, err := c.chosen(file, "")
	if ExitCode(err) == ExitSignIn {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	client, err := c.client(s)
	if err != nil {
		return nil, err
	}
	provider, err := client.Provider(ctx)
	if err != nil {
		return nil, err
	}
	return &serverVersion{URL: s.URL, Version: provider.Version, Provider: provider.ProviderPrettyName}, nil
}

func (c *cli) askKonnector(ctx context.Context) (*konnectorVersion, error) {
	if c.noCluster() {
		return nil, nil
	}
	consumer, err := c.consumer()
	if err != nil {
		return nil, err
	}
	deployment := &appsv1.Deployment{}
	err = consumer.Get(ctx, install.KonnectorKey(), deployment)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the konnector: %w", err)
	}
	return &konnectorVersion{Image: install.ImageOf(deployment)}, nil
}

func (c *cli) printVersions(o *output, found *versions) error {
	if !o.people() {
		u, err := toUnstructured(found)
		if err != nil {
			return err
		}
		return o.print(c.Out, c.ErrOut, u, table{})
	}
	server, konnector := "none that was asked", "none that was asked"
	if s := found.Server; s != nil {
		server = printable.Line(fmt.Sprintf("%s (%s, %s)", s.Version, s.URL, s.Provider))
	}
	if k := found.Konnector; k != nil {
		konnector = k.Image
	}
	client := found.Client
	_, err := fmt.Fprintf(c.Out, "kubectl-bind %s (%s, %s)\nserver       %s\nkonnector    %s\n", client.Version, client.GoVersion, client.Platform, server, konnector)
	return err
}
