// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
)

// apiservice binds a template by its name, or what an APIServiceExportRequest in a file asks for.
type apiservice struct {
	*bind
	file                   string
	kubeconfigFile         string
	secretNamespace        string
	secretName             string
	templateName, nameFlag string
}

func (c *cli) apiserviceCommand() *cobra.Command {
	a := &apiservice{bind: &bind{binder: newBinder(c)}}
	cmd := &cobra.Command{
		Use: "apiservice [NAME] (--template-name TEMPLATE | -f FILE)", Short: "Bind one API: a template, or what a file asks for",
		Long: `Binds a template like kubectl bind --template, or, with --file, what an APIServiceExportRequest asks for. The latter needs no
server, but the kubeconfig that the provider gave: a file, or a Secret in your cluster.`,
		Args:    atMost(1),
		PreRunE: func(_ *cobra.Command, args []string) error { return a.validate(strings.Join(args, "")) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.file == "" {
				return a.bind.run(cmd.Context(), "")
			}
			return a.run(cmd.Context())
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&a.nameFlag, "name", "", "Name of the binding, like the argument.")
	fs.StringVar(&a.templateName, "template-name", "", "Name of the template.")
	fs.StringVarP(&a.file, "file", "f", "", "File with an APIServiceExportRequest; - is standard input.")
	fs.StringVar(&a.kubeconfigFile, "remote-kubeconfig", "", "File with the provider's kubeconfig.")
	fs.StringVar(&a.secretNamespace, "remote-kubeconfig-namespace", "", "Namespace of a Secret in your cluster with the provider's kubeconfig.")
	fs.StringVar(&a.secretName, "remote-kubeconfig-name", "", "Name of that Secret.")
	a.addFlags(cmd)
	completeFlag(cmd, "template-name", noFiles(c.templates))
	return cmd
}

func (a *apiservice) validate(argument string) error {
	if argument != "" && a.nameFlag != "" && argument != a.nameFlag {
		return usage("--name and the argument give two names")
	}
	a.name, a.template = orElse(argument, a.nameFlag), a.templateName
	if (a.file == "") == (a.templateName == "") {
		return usage("one of --template-name and --file is needed")
	}
	bySecret := a.secretName != "" || a.secretNamespace != ""
	if bySecret && (a.secretName == "" || a.secretNamespace == "") {
		return usage("--remote-kubeconfig-namespace and --remote-kubeconfig-name: both are needed, or none")
	}
	if a.file != "" && (a.kubeconfigFile != "") == bySecret {
		return usage("--file needs the provider's kubeconfig: --remote-kubeconfig, or --remote-kubeconfig-namespace and --remote-kubeconfig-name")
	}
	if a.file == "" && (a.kubeconfigFile != "" || bySecret) {
		return usage("--remote-kubeconfig... is for --file; a template's comes from the server")
	}
	return a.binder.validate()
}

// run binds what a file asks for.
func (a *apiservice) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	raw, err := a.read(a.file)
	if err != nil {
		return err
	}
	request := kubebindv1alpha2.APIServiceExportRequest{}
	if err := yaml.UnmarshalStrict(raw, &request); err != nil {
		return fmt.Errorf("reading the APIServiceExportRequest: %w", err)
	}
	if request.APIVersion != kubebindv1alpha2.GroupVersion.String() || request.Kind != "APIServiceExportRequest" {
		return usage("the file has a %s of %q, not an APIServiceExportRequest of %s", request.Kind, request.APIVersion, kubebindv1alpha2.GroupVersion)
	}
	if request.Name = orElse(a.name, request.Name); request.Name == "" {
		return usage("the request has no name: give one as the argument")
	}
	kubeconfig, err := a.remoteKubeconfig(ctx)
	if err != nil {
		return err
	}
	c, err := install.Read(kubeconfig)
	if err != nil {
		return err
	}
	if err := c.Ask(request); err != nil {
		return err
	}
	if err := a.confirmRequests(ctx, c); err != nil {
		return err
	}
	return a.conclude(ctx, c)
}

func (a *apiservice) remoteKubeconfig(ctx context.Context) ([]byte, error) {
	if a.kubeconfigFile != "" {
		if a.kubeconfigFile == "-" {
			return nil, usage("--remote-kubeconfig must be a file")
		}
		return a.read(a.kubeconfigFile)
	}
	consumer, err := a.consumer()
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{}
	if err := consumer.Get(ctx, client.ObjectKey{Namespace: a.secretNamespace, Name: a.secretName}, secret); err != nil {
		return nil, fmt.Errorf("reading the provider's kubeconfig: %w", err)
	}
	raw, found := secret.Data[kubebindv1alpha2.KubeconfigSecretKey]
	if !found {
		return nil, exit(ExitFailed, fmt.Errorf("the Secret %s/%s has no key %q", a.secretNamespace, a.secretName, kubebindv1alpha2.KubeconfigSecretKey), "It is to hold the provider's kubeconfig under that key.")
	}
	return raw, nil
}
