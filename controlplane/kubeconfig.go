// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The administrator of a control plane, whom RBAC does not bind:
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
const (
	adminUser  = "kube-bind-admin"
	adminGroup = "system:masters"
)

// Config is the administrator's access, without a client-side rate limit. Each call returns a new one.
func (c *ControlPlane) Config() *rest.Config {
	return &rest.Config{
		Host: c.server(),
		QPS:  -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   c.ca.pem,
			CertData: c.admin.cert,
			KeyData:  c.admin.key,
		},
	}
}

// Kubeconfig is the administrator's access as a self-contained file's content.
func (c *ControlPlane) Kubeconfig() []byte { return c.kubeconfig }

// KubeconfigFile is the path of a file with Kubeconfig, which goes away with the control plane.
func (c *ControlPlane) KubeconfigFile() string { return filepath.Join(c.fleet.dir, kubeconfigFile) }

// UserKubeconfig makes a kubeconfig, with a client certificate, for a user with these groups. RBAC decides what the
// user may do: at first what everybody may. It fails only if the certificate cannot be made.
func (c *ControlPlane) UserKubeconfig(user string, groups ...string) ([]byte, error) {
	pair, err := c.ca.client(user, groups)
	if err != nil {
		return nil, err
	}
	return c.encodeKubeconfig(user, pair)
}

func (c *ControlPlane) encodeKubeconfig(user string, pair keyPair) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters[c.name] = &clientcmdapi.Cluster{Server: c.server(), CertificateAuthorityData: c.ca.pem}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.cert, ClientKeyData: pair.key}
	config.Contexts[c.name] = &clientcmdapi.Context{Cluster: c.name, AuthInfo: user}
	config.CurrentContext = c.name
	out, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encoding the kubeconfig of %s: %w", user, err)
	}
	return out, nil
}
