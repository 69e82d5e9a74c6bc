// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
)

// fieldOwner is the field manager of what the commands apply in the consumer.
const fieldOwner = client.FieldOwner("kubectl-bind")

// consumer is a client of the cluster that kubectl talks to.
func (c *cli) consumer() (client.Client, error) {
	cfg, err := c.kube.ToRESTConfig()
	if err != nil {
		return nil, exit(ExitFailed, fmt.Errorf("reading the kubeconfig of your cluster: %w", err), "See --kubeconfig and --context.")
	}
	return newClient(cfg, c.Version)
}

func newClient(cfg *rest.Config, version string) (client.Client, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), kubebindv1alpha2.AddToScheme(scheme))
	if err != nil {
		return nil, fmt.Errorf("preparing a client: %w", err)
	}
	out, err := client.New(rest.AddUserAgent(rest.CopyConfig(cfg), "kubectl-bind/"+version), client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("preparing a client of %s: %w", cfg.Host, err)
	}
	return out, nil
}

// providerClient is a client of the consumer's place.
func (c *cli) providerClient(contract *install.Contract) (client.Client, error) {
	return newClient(contract.Config, c.Version)
}
