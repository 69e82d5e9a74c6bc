// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
)

// maxFile is how long a file may be that somebody hands over.
const maxFile = 4 << 20

// deploy binds what a provider has answered already: the answer is a file, or in a Secret.
type deploy struct {
	*binder
	file, secret, key string
}

func (c *cli) deployCommand() *cobra.Command {
	d := &deploy{binder: newBinder(c), key: kubebindv1alpha2.BindingResponseKey}
	cmd := &cobra.Command{
		Use: "deploy (-f FILE | --secret NAMESPACE/NAME)", Short: "Bind with a provider's answer, without its server",
		Long: `Takes the answer of a provider to a BindableResourcesRequest, or of its server to a bind: from a file, or from a Secret in your
cluster. It saves the credential, deploys the konnector, and binds what the answer asks for.`,
		Args:    none,
		PreRunE: func(*cobra.Command, []string) error { return d.validate() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().StringVarP(&d.file, "file", "f", "", "File with the answer; - is standard input.")
	cmd.Flags().StringVar(&d.secret, "secret", "", "Secret with the answer: namespace/name.")
	cmd.Flags().StringVar(&d.key, "secret-key", d.key, "Key in that Secret.")
	d.addFlags(cmd)
	return cmd
}

func (d *deploy) validate() error {
	if (d.file == "") == (d.secret == "") {
		return usage("one of --file and --secret is needed")
	}
	if d.secret != "" && strings.Count(d.secret, "/") != 1 {
		return usage("--secret=%q: must be namespace/name", d.secret)
	}
	return d.binder.validate()
}

func (d *deploy) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, err := d.answer(ctx)
	if err != nil {
		return err
	}
	response := &kubebindv1alpha2.BindingResourceResponse{}
	if err := yaml.Unmarshal(raw, response); err != nil || len(response.Kubeconfig) == 0 {
		return exit(ExitFailed, errors.New("this is no answer of a provider: it has no kubeconfig"), "It is what a BindableResourcesRequest is answered with: see --secret-key.")
	}
	return d.bindAnswer(ctx, response)
}

// bindAnswer binds what a provider has answered.
func (d *deploy) bindAnswer(ctx context.Context, response *kubebindv1alpha2.BindingResourceResponse) error {
	c, err := install.FromResponse(response)
	if err != nil {
		return err
	}
	if len(c.Requests) == 0 && response.BindingName != "" {
		// The provider has asked for the export itself.
		if err := d.adopt(ctx, c, response.BindingName); err != nil {
			return err
		}
	}
	if err := d.confirmRequests(ctx, c); err != nil {
		return err
	}
	return d.conclude(ctx, c)
}

// adopt finds out what the provider exports under a name.
func (d *deploy) adopt(ctx context.Context, c *install.Contract, name string) error {
	provider, err := d.provider(c)
	if err != nil {
		return err
	}
	export := &kubebindv1alpha2.APIServiceExport{}
	if err := provider.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, export); err != nil {
		return fmt.Errorf("reading the export %s at the provider: %w", name, err)
	}
	request := kubebindv1alpha2.APIServiceExportRequest{}
	request.Name = name
	request.Spec.Resources, request.Spec.PermissionClaims = export.Spec.Resources, export.Spec.PermissionClaims
	c.Exported = true
	return c.Ask(request)
}

func (d *deploy) answer(ctx context.Context) ([]byte, error) {
	if d.file != "" {
		return d.read(d.file)
	}
	consumer, err := d.consumer()
	if err != nil {
		return nil, err
	}
	namespace, name, _ := strings.Cut(d.secret, "/")
	secret := &corev1.Secret{}
	if err := consumer.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret); err != nil {
		return nil, fmt.Errorf("reading the Secret with the answer: %w", err)
	}
	raw, found := secret.Data[d.key]
	if !found {
		return nil, exit(ExitFailed, fmt.Errorf("the Secret %s has no key %q", d.secret, d.key), "See --secret-key.")
	}
	return raw, nil
}

// read reads a file, or standard input.
func (c *cli) read(name string) ([]byte, error) {
	from := c.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the file: %w", err)
		}
		defer file.Close()
		from = file
	}
	raw, err := io.ReadAll(io.LimitReader(from, maxFile))
	if err != nil {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	return raw, nil
}

// confirmRequests shows what is asked for, and asks.
func (b *binder) confirmRequests(ctx context.Context, c *install.Contract) error {
	for i := range c.Requests {
		spec := &c.Requests[i].Spec
		if err := b.consent(ctx, &kubebindv1alpha2.APIServiceExportTemplateSpec{
			Resources: spec.Resources, PermissionClaims: spec.PermissionClaims, Namespaces: spec.Namespaces,
		}, c.Requests[i].Name); err != nil {
			return err
		}
	}
	return nil
}
