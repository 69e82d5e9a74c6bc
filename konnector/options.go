// SPDX-License-Identifier: Apache-2.0

package konnector

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"kube-bind.io/kube-bind/konnector/sync"
)

// Options are what a konnector can be told. AddFlags makes them flags, Complete fills in what depends on the
// environment, Validate says everything that is wrong.
type Options struct {
	// Kubeconfig is the file with the kubeconfig of this, the consumer's, cluster. Default: the usual rules, then the
	// Pod's ServiceAccount.
	Kubeconfig string
	// Context is the context in it. Default: its current one.
	Context string
	// Config reaches this cluster. Default: what Kubeconfig and Context say.
	Config *rest.Config
	// LeaseName is the name of the Lease that replicas compete for. Default: kube-bind.
	LeaseName string
	// LeaseNamespace is its namespace. Default: $POD_NAMESPACE, or else kube-system.
	LeaseNamespace string
	// IdentityNamespace is the namespace whose UID stands for this cluster. Default: kube-system.
	IdentityNamespace string
	// ServerAddress is where /healthz, /readyz and /metrics are served; "0" is nowhere. Default: :8090.
	ServerAddress string
	// InstallCRDs says whether the konnector's own CRDs are installed and updated at the start. Default: true.
	InstallCRDs bool
	// Workers is how many objects of one resource are synced at a time. Default: 10.
	Workers int
	// Version is the konnector's version, as heartbeats report it. Default: none, which they report as well.
	Version string
}

// NewOptions returns Options with all defaults that do not depend on the environment.
func NewOptions() *Options {
	return &Options{
		LeaseName:         "kube-bind",
		IdentityNamespace: metav1.NamespaceSystem,
		ServerAddress:     ":8090",
		InstallCRDs:       true,
		Workers:           sync.DefaultWorkers,
	}
}

// AddFlags adds a flag for each option that a person sets.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "File with the kubeconfig of this cluster. Default: the usual rules, then the Pod's ServiceAccount.")
	flags.StringVar(&o.Context, "context", o.Context, "Context in the kubeconfig. Default: its current one.")
	flags.StringVar(&o.LeaseName, "lease-name", o.LeaseName, "Name of the Lease that replicas compete for.")
	flags.StringVar(&o.LeaseNamespace, "lease-namespace", o.LeaseNamespace, "Namespace of the Lease. Default: $POD_NAMESPACE, or else kube-system.")
	flags.StringVar(&o.IdentityNamespace, "cluster-identity-namespace", o.IdentityNamespace, "Namespace whose UID stands for this cluster. It has to stay the same.")
	flags.StringVar(&o.ServerAddress, "server-address", o.ServerAddress, `Address of /healthz, /readyz and /metrics; "0" serves none of them.`)
	flags.BoolVar(&o.InstallCRDs, "install-crds", o.InstallCRDs, "Install and update the konnector's own CRDs at the start.")
	flags.IntVar(&o.Workers, "workers", o.Workers, "How many objects of one resource are synced at a time.")
}

// Complete fills in what depends on the environment. It reads the kubeconfig.
func (o *Options) Complete() error {
	if o.LeaseNamespace == "" {
		o.LeaseNamespace = os.Getenv("POD_NAMESPACE")
	}
	if o.LeaseNamespace == "" {
		o.LeaseNamespace = metav1.NamespaceSystem
	}
	if o.Config != nil {
		return nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context}).ClientConfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig of this cluster (see --kubeconfig and --context): %w", err)
	}
	o.Config = config
	return nil
}

// Validate returns everything that is wrong, in one error.
func (o *Options) Validate() error {
	var errs []error
	if o.Config == nil {
		errs = append(errs, errors.New("there is no configuration for this cluster"))
	}
	if problems := validation.IsDNS1123Subdomain(o.LeaseName); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--lease-name %q: %s", o.LeaseName, strings.Join(problems, ", ")))
	}
	if problems := validation.IsDNS1123Label(o.LeaseNamespace); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--lease-namespace %q: %s", o.LeaseNamespace, strings.Join(problems, ", ")))
	}
	if problems := validation.IsDNS1123Label(o.IdentityNamespace); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--cluster-identity-namespace %q: %s", o.IdentityNamespace, strings.Join(problems, ", ")))
	}
	if o.ServerAddress != "0" {
		if _, _, err := net.SplitHostPort(o.ServerAddress); err != nil {
			errs = append(errs, fmt.Errorf(`--server-address %q: must be "host:port", ":port" or "0"`, o.ServerAddress))
		}
	}
	if o.Workers < 1 || o.Workers > 1000 {
		errs = append(errs, fmt.Errorf("--workers %d: must be between 1 and 1000", o.Workers))
	}
	return utilerrors.NewAggregate(errs)
}
