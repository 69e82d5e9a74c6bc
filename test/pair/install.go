// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Names of the shipped programs.
const (
	backendProgram   = "kube-bind-backend"
	konnectorProgram = "konnector"
	// tokenLifetime is longer than any suite.
	tokenLifetime = 4 * time.Hour
)

// Command is how a program is started.
type Command struct {
	// Args are its arguments, without its own name.
	Args []string
	// Env is added to the environment, as KEY=value.
	Env []string
}

// Installer brings a program into its cluster: the backend into the provider, the konnector into the consumer. It returns how a
// Pod of what is installed runs it.
type Installer interface {
	// InstallBackend installs a backend, with files of this machine in dir.
	InstallBackend(ctx context.Context, provider *Side, dir string) (*Command, error)
	// InstallKonnector installs a konnector, likewise.
	InstallKonnector(ctx context.Context, consumer *Side, dir string) (*Command, error)
}

// install installs programs, if that is wanted.
func (p *Pair) install(ctx context.Context, programs ...string) (err error) {
	p.installed = map[string]*Command{}
	for _, program := range programs {
		var command *Command
		switch {
		case p.options.Install == nil:
		case program == konnectorProgram:
			command, err = p.options.Install.InstallKonnector(ctx, p.Consumer, p.options.LogDir)
		case p.kind == Kubernetes:
			command, err = p.options.Install.InstallBackend(ctx, p.Provider, p.options.LogDir)
		}
		if err != nil {
			return fmt.Errorf("installing the %s: %w", program, err)
		}
		p.installed[program] = command
	}
	return nil
}

// AccountKubeconfig has the rights of a ServiceAccount, and no more.
func (s *Side) AccountKubeconfig(ctx context.Context, namespace, name string) ([]byte, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(int64(tokenLifetime.Seconds()))}}
	if err := s.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, fmt.Errorf("asking for a token of ServiceAccount %s/%s: %w", namespace, name, err)
	}
	cfg, out := s.Config(), clientcmdapi.NewConfig()
	out.Clusters["c"] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
	out.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: request.Status.Token}
	out.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	out.CurrentContext = "c"
	return clientcmd.Write(*out)
}

// KonnectorLease is the Lease that konnectors of the pair compete for.
func (p *Pair) KonnectorLease() client.ObjectKey {
	if p.installed[konnectorProgram] != nil {
		return client.ObjectKey{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: "kube-bind"}
	}
	return client.ObjectKey{Namespace: "default", Name: "kube-bind"}
}
