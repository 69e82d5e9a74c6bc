// SPDX-License-Identifier: Apache-2.0

package install

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"kube-bind.io/kube-bind/apis/boundschema"
	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/kubeconfig"
)

// Contract is a provider's answer to a bind: a kubeconfig for a place, and what is to be asked for there.
type Contract struct {
	// Kubeconfig is the consumer's credential, and nothing else that the provider may have put into its file.
	Kubeconfig []byte
	// Config is what it says.
	Config *rest.Config
	// Namespace is the contract namespace.
	Namespace string
	// Requests are what is to be asked for: see Ask.
	Requests []kubebindv1alpha2.APIServiceExportRequest
	// Exported says that the provider has done that already.
	Exported bool
}

// Read returns the contract that a provider's kubeconfig stands for, with nothing to ask for yet.
func Read(raw []byte) (*Contract, error) {
	place, err := kubeconfig.ParsePlace(raw)
	if err != nil {
		return nil, fmt.Errorf("the provider's kubeconfig cannot be used: %w", err)
	}
	reduced, err := kubeconfig.Reduce(raw)
	if err != nil {
		return nil, fmt.Errorf("the provider's kubeconfig cannot be used: %w", err)
	}
	return &Contract{Kubeconfig: reduced, Config: place.Config, Namespace: place.Namespace}, nil
}

// FromResponse reads a provider's answer.
func FromResponse(response *kubebindv1alpha2.BindingResourceResponse) (*Contract, error) {
	out, err := Read(response.Kubeconfig)
	if err != nil {
		return nil, err
	}
	for _, raw := range response.Requests {
		var request kubebindv1alpha2.APIServiceExportRequest
		if err := json.Unmarshal(raw.Raw, &request); err != nil || request.APIVersion != kubebindv1alpha2.GroupVersion.String() || request.Name == "" {
			return nil, fmt.Errorf("the provider's answer asks for something that this program does not know (%q)", request.APIVersion)
		}
		if err := out.Ask(request); err != nil {
			return nil, fmt.Errorf("the provider's answer cannot be used: %w", err)
		}
	}
	return out, nil
}

// RequestError says that a request is for what no provider has, or may have of a consumer. A konnector would get rights on it.
type RequestError struct {
	// Message for people.
	Message string
}

func (e *RequestError) Error() string { return e.Message }

// Ask adds a request to the contract. It may come from a provider that nobody need trust: it is refused with a RequestError unless it is
// for APIs of the provider's own, and for what a consumer can share.
func (c *Contract) Ask(request kubebindv1alpha2.APIServiceExportRequest) error {
	if problems := validation.IsDNS1123Subdomain(request.Name); len(problems) > 0 {
		return &RequestError{Message: fmt.Sprintf("a request is called %q: %s", request.Name, strings.Join(problems, "; "))}
	}
	for _, r := range request.Spec.Resources {
		if err := boundschema.CheckResource(r.GroupResource); err != nil {
			return &RequestError{Message: fmt.Sprintf("the request %s is for %s, which no provider can export: %v", request.Name, r.GroupResource, err)}
		}
	}
	for _, claim := range request.Spec.PermissionClaims {
		if !kubebindv1alpha2.Claimable(claim.GroupResource, request.Spec.Resources) {
			return &RequestError{Message: fmt.Sprintf("the request %s claims %s, which nobody can claim: only %s, and what it exports itself",
				request.Name, claim.GroupResource, strings.Join(kubebindv1alpha2.ClaimableResources(), ", "))}
		}
	}
	request.Namespace = c.Namespace
	c.Requests = append(c.Requests, request)
	return nil
}

// SecretName is the same for the same place: a second bind renews the credential of the first.
func (c *Contract) SecretName() string {
	sum := sha256.Sum256([]byte(c.Config.Host + "\n" + c.Namespace))
	return "kubeconfig-" + hex.EncodeToString(sum[:])[:10]
}

// Secret holds the credential.
func (c *Contract) Secret() *corev1.Secret {
	return &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: kubebindv1alpha2.ConsumerNamespace, Name: c.SecretName(),
			Labels: map[string]string{kubebindv1alpha2.ProviderKubeconfigLabel: "true"},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{kubebindv1alpha2.KubeconfigSecretKey: c.Kubeconfig},
	}
}

// Bindings are what a konnector works from, one for each request.
func (c *Contract) Bindings() []*kubebindv1alpha2.APIServiceBinding {
	var out []*kubebindv1alpha2.APIServiceBinding
	for i := range c.Requests {
		b := &kubebindv1alpha2.APIServiceBinding{TypeMeta: metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "APIServiceBinding"}}
		b.Name = c.Requests[i].Name
		b.Spec.KubeconfigSecretRef = c.SecretRef()
		out = append(out, b)
	}
	return out
}

// SecretRef names the Secret.
func (c *Contract) SecretRef() kubebindv1alpha2.ClusterSecretKeyRef {
	return kubebindv1alpha2.ClusterSecretKeyRef{
		LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef{Name: c.SecretName(), Key: kubebindv1alpha2.KubeconfigSecretKey},
		Namespace:         kubebindv1alpha2.ConsumerNamespace,
	}
}
