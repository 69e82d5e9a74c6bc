// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"errors"
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// entry is the name of the cluster, the user and the context in the kubeconfig: what upstream calls them.
const entry = "default"

// External says how consumers reach the API server. A zero value means: as the backend does.
type External struct {
	// Address is the URL of the API server, or "".
	Address string
	// CA is the PEM bundle that its certificate is checked against, or nil.
	CA []byte
	// ServerName is the name in its certificate if that is not the host of Address, or "".
	ServerName string
}

// Endpoint is an API server as a consumer sees it.
type Endpoint struct {
	server     string
	ca         []byte
	serverName string
}

// NewEndpoint returns the API server of cfg as external says it is seen. The CA is read here, so that the kubeconfig
// holds it inline. The backend's own credentials in cfg are not looked at.
func NewEndpoint(cfg *rest.Config, external External) (Endpoint, error) {
	out := Endpoint{server: external.Address, ca: external.CA, serverName: external.ServerName}
	if out.server == "" {
		host, _, err := rest.DefaultServerURL(cfg.Host, cfg.APIPath, schema.GroupVersion{}, true)
		if err != nil {
			return Endpoint{}, fmt.Errorf("finding the address of the API server: %w", err)
		}
		host.Path = ""
		out.server = host.String()
		if out.serverName == "" {
			out.serverName = cfg.ServerName
		}
	}
	if len(out.ca) == 0 {
		ca, err := ownCA(cfg)
		if err != nil {
			return Endpoint{}, err
		}
		out.ca = ca
	}
	return out, nil
}

// ForCluster returns the endpoint of a logical cluster, or a workspace's path, of the same kcp: <server>/clusters/<name>.
func (e Endpoint) ForCluster(name string) Endpoint {
	server, _, _ := strings.Cut(e.server, "/clusters/")
	e.server = strings.TrimSuffix(server, "/") + "/clusters/" + name
	return e
}

func ownCA(cfg *rest.Config) ([]byte, error) {
	if len(cfg.CAData) > 0 || cfg.CAFile == "" {
		return cfg.CAData, nil
	}
	ca, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the CA of the API server: %w", err)
	}
	return ca, nil
}

// Kubeconfig returns a kubeconfig for this endpoint. Equal input gives equal bytes.
func (e Endpoint) Kubeconfig(namespace, token string) ([]byte, error) {
	if namespace == "" || token == "" {
		return nil, errors.New("a kubeconfig needs a namespace and a token")
	}
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters[entry] = &clientcmdapi.Cluster{
		Server:                   e.server,
		TLSServerName:            e.serverName,
		CertificateAuthorityData: e.ca,
	}
	cfg.AuthInfos[entry] = &clientcmdapi.AuthInfo{Token: token}
	cfg.Contexts[entry] = &clientcmdapi.Context{Cluster: entry, AuthInfo: entry, Namespace: namespace}
	cfg.CurrentContext = entry
	out, err := clientcmd.Write(*cfg)
	if err != nil {
		return nil, fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return out, nil
}

// Token returns the token in a Secret of type kubernetes.io/service-account-token, or "" as long as the token
// controller has not put one there.
func Token(secret *corev1.Secret) string {
	if secret.Type != corev1.SecretTypeServiceAccountToken {
		return ""
	}
	return string(secret.Data[corev1.ServiceAccountTokenKey])
}
