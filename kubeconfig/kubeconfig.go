// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Credential is what a kubeconfig says about a cluster: where it is, who we are there, and our place.
type Credential struct {
	// Config reaches the cluster. It holds no file path, no plugin and no proxy.
	Config *rest.Config
	// Namespace is that of the current context: the contract namespace, if it is a provider's.
	Namespace string
}

// Equal says whether two kubeconfigs differ in nothing that matters.
func (a *Credential) Equal(b *Credential) bool {
	return a.Namespace == b.Namespace && a.Config.Host == b.Config.Host && a.Config.BearerToken == b.Config.BearerToken &&
		reflect.DeepEqual(a.Config.TLSClientConfig, b.Config.TLSClientConfig)
}

// ErrNotAllowed is in the error of a kubeconfig that asks for more than is done for others.
var ErrNotAllowed = errors.New("not allowed in a kubeconfig of others")

// ParsePlace reads a provider's kubeconfig, whose namespace must be the contract namespace. See Parse.
func ParsePlace(data []byte) (*Credential, error) {
	out, err := Parse(data)
	if err == nil && out.Namespace == "" {
		return nil, errors.New("the current context names no namespace")
	}
	return out, err
}

// Parse reads a kubeconfig by an allow-list: server, CA, server name, and a token or client certificate as data. Everything
// else would have a program run others, read its own files or send requests elsewhere for whoever wrote the kubeconfig, so it
// is refused, all of it in one error. No error repeats a credential.
func Parse(data []byte) (*Credential, error) {
	config, err := vetted(data)
	if err != nil {
		return nil, err
	}
	current := config.Contexts[config.CurrentContext]
	credential := &Credential{Config: restConfig(config.Clusters[current.Cluster], config.AuthInfos[current.AuthInfo]), Namespace: current.Namespace}
	if _, err := rest.HTTPClientFor(credential.Config); err != nil {
		return nil, errors.New("its certificate data cannot be used: check certificate-authority-data, client-certificate-data and client-key-data")
	}
	return credential, nil
}

// Reduce is what Parse takes from a kubeconfig, as a kubeconfig with the same names: one that is stored may be used by other
// programs, too, and those would take whatever else is in it.
func Reduce(data []byte) ([]byte, error) {
	config, err := vetted(data)
	if err != nil {
		return nil, err
	}
	out, err := clientcmd.Write(*config)
	if err != nil {
		return nil, errors.New("what is taken from the kubeconfig cannot be encoded")
	}
	return out, nil
}

// vetted is the current context of a kubeconfig with its cluster and its user, and nothing else.
func vetted(data []byte) (*clientcmdapi.Config, error) {
	config, err := clientcmd.Load(data)
	if err != nil {
		// The parser's words may quote the input, which holds a token.
		return nil, errors.New("not a kubeconfig: it cannot be parsed as YAML or JSON of kind Config")
	}
	if config.CurrentContext == "" {
		return nil, errors.New("no current-context")
	}
	current, ok := config.Contexts[config.CurrentContext]
	if !ok {
		return nil, fmt.Errorf("current-context %q is not among its contexts", config.CurrentContext)
	}
	cluster, ok := config.Clusters[current.Cluster]
	if !ok {
		return nil, fmt.Errorf("cluster %q of the current context is not among its clusters", current.Cluster)
	}
	user, ok := config.AuthInfos[current.AuthInfo]
	if !ok {
		return nil, fmt.Errorf("user %q of the current context is not among its users", current.AuthInfo)
	}
	if err := vet(cluster, user); err != nil {
		return nil, err
	}
	out := clientcmdapi.NewConfig()
	out.CurrentContext = config.CurrentContext
	out.Contexts[out.CurrentContext] = &clientcmdapi.Context{Cluster: current.Cluster, AuthInfo: current.AuthInfo, Namespace: current.Namespace}
	out.Clusters[current.Cluster] = &clientcmdapi.Cluster{
		Server: cluster.Server, TLSServerName: cluster.TLSServerName, CertificateAuthorityData: cluster.CertificateAuthorityData,
	}
	out.AuthInfos[current.AuthInfo] = &clientcmdapi.AuthInfo{
		Token: user.Token, ClientCertificateData: user.ClientCertificateData, ClientKeyData: user.ClientKeyData,
	}
	return out, nil
}

func restConfig(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) *rest.Config {
	return &rest.Config{
		Host:        cluster.Server,
		BearerToken: user.Token,
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: cluster.TLSServerName,
			CAData:     cluster.CertificateAuthorityData,
			CertData:   user.ClientCertificateData,
			KeyData:    user.ClientKeyData,
		},
		// The API server's priority and fairness is the limiter.
		QPS: -1,
	}
}

// vet returns everything that is refused or missing.
func vet(cluster *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) error {
	var errs []error
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"exec", user.Exec != nil},
		{"auth-provider", user.AuthProvider != nil},
		{"tokenFile", user.TokenFile != ""},
		{"client-certificate (a file path)", user.ClientCertificate != ""},
		{"client-key (a file path)", user.ClientKey != ""},
		{"username or password", user.Username != "" || user.Password != ""},
		{"as, as-uid, as-groups or as-user-extra", user.Impersonate != "" || user.ImpersonateUID != "" || len(user.ImpersonateGroups)+len(user.ImpersonateUserExtra) > 0},
		{"certificate-authority (a file path)", cluster.CertificateAuthority != ""},
		{"insecure-skip-tls-verify", cluster.InsecureSkipTLSVerify},
		{"proxy-url", cluster.ProxyURL != ""},
	} {
		if field.set {
			errs = append(errs, fmt.Errorf("%s: %w", field.name, ErrNotAllowed))
		}
	}
	if u, err := url.Parse(cluster.Server); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		errs = append(errs, errors.New("server must be an https:// URL without user information"))
	}
	hasCert := len(user.ClientCertificateData) > 0 && len(user.ClientKeyData) > 0
	if user.Token == "" && !hasCert {
		errs = append(errs, errors.New("the user has neither a token nor client-certificate-data with client-key-data"))
	}
	return utilerrors.NewAggregate(errs)
}
