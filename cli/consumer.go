// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"os"

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
	if c.noCluster() {
		return nil, exit(ExitFailed, errors.New("there is no kubeconfig, and so no cluster of yours"), "Name one with --kubeconfig or the variable KUBECONFIG.")
	}
	cfg, err := c.kube.ToRESTConfig()
	if err != nil {
		return nil, exit(ExitFailed, fmt.Errorf("reading the kubeconfig of your cluster: %w", err), "--kubeconfig and --context, or the variable KUBECONFIG, choose one.")
	}
	out, err := newClient(cfg, c.Version)
	if err != nil {
		return nil, err
	}
	return &located{Client: out, where: cfg.Host}, nil
}

// noCluster tells whether no cluster is named anywhere. client-go would take one at localhost:8080.
func (c *cli) noCluster() bool {
	raw, err := c.kube.ToRawKubeConfigLoader().RawConfig()
	return err == nil && len(raw.Clusters) == 0 && os.Getenv("KUBERNETES_SERVICE_HOST") == ""
}

func newClient(cfg *rest.Config, version string) (client.Client, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), kubebindv1alpha2.AddToScheme(scheme))
	if err != nil {
		return nil, fmt.Errorf("preparing a client: %w", err)
	}
	cfg = rest.AddUserAgent(rest.CopyConfig(cfg), "kubectl-bind/"+version)
	// One person is no burden: API servers protect themselves.
	cfg.QPS = -1
	out, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("preparing a client of %s: %w", cfg.Host, err)
	}
	return out, nil
}

// providerClient is a client of the consumer's place.
func (c *cli) providerClient(contract *install.Contract) (client.Client, error) {
	out, err := newClient(contract.Config, c.Version)
	if err != nil {
		return nil, err
	}
	return &located{Client: out, where: contract.Config.Host, provider: true}, nil
}
