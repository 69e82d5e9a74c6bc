// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/kubeconfig"
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

// contract is a provider's answer to a bind: a kubeconfig for a place, and what is to be asked for there.
type contract struct {
	kubeconfig []byte
	config     *rest.Config
	host       string
	namespace  string
	requests   []kubebindv1alpha2.APIServiceExportRequest
	// exported says that the provider has done what the requests ask for.
	exported bool
}

// contractIn reads where a provider's kubeconfig leads.
func contractIn(raw []byte) (*contract, error) {
	place, err := kubeconfig.ParsePlace(raw)
	if err != nil {
		return nil, fmt.Errorf("the provider's kubeconfig cannot be used: %w", err)
	}
	return &contract{kubeconfig: raw, config: place.Config, host: place.Config.Host, namespace: place.Namespace}, nil
}

// secretName is the same for the same place: a second bind renews the credential of the first.
func (c *contract) secretName() string {
	sum := sha256.Sum256([]byte(c.host + "\n" + c.namespace))
	return "kubeconfig-" + hex.EncodeToString(sum[:])[:10]
}

func (c *contract) secret() *corev1.Secret {
	return &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: kubebindv1alpha2.ConsumerNamespace, Name: c.secretName(),
			Labels: map[string]string{kubebindv1alpha2.ProviderKubeconfigLabel: "true"},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{kubebindv1alpha2.KubeconfigSecretKey: c.kubeconfig},
	}
}

// bindings are what a consumer's konnector works from, one for each request.
func (c *contract) bindings() []*kubebindv1alpha2.APIServiceBinding {
	var out []*kubebindv1alpha2.APIServiceBinding
	for i := range c.requests {
		b := &kubebindv1alpha2.APIServiceBinding{TypeMeta: typeMeta("APIServiceBinding")}
		b.Name = c.requests[i].Name
		b.Spec.KubeconfigSecretRef = kubebindv1alpha2.ClusterSecretKeyRef{
			LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef{Name: c.secretName(), Key: kubebindv1alpha2.KubeconfigSecretKey},
			Namespace:         kubebindv1alpha2.ConsumerNamespace,
		}
		out = append(out, b)
	}
	return out
}

// provider is a client of the consumer's place.
func (c *contract) provider(version string) (client.Client, error) {
	return newClient(c.config, version)
}

// ensureNamespace makes the konnector's namespace, and says whether it did.
func ensureNamespace(ctx context.Context, consumer client.Client) (bool, error) {
	err := consumer.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: kubebindv1alpha2.ConsumerNamespace}}, fieldOwner)
	if apierrors.IsAlreadyExists(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("creating the namespace %s: %w", kubebindv1alpha2.ConsumerNamespace, err)
	}
	return true, nil
}

// saveSecret writes the credential. A Secret of that name that is not labelled as one of ours is left alone.
func (c *contract) save(ctx context.Context, consumer client.Client) (created bool, err error) {
	want := c.secret()
	err = consumer.Create(ctx, want.DeepCopy(), fieldOwner)
	if !apierrors.IsAlreadyExists(err) {
		return err == nil, err
	}
	have := &corev1.Secret{}
	if err := consumer.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
		return false, err
	}
	if have.Labels[kubebindv1alpha2.ProviderKubeconfigLabel] != "true" {
		return false, exit(ExitFailed, fmt.Errorf("the Secret %s/%s exists and is not kube-bind's", have.Namespace, have.Name), "Remove it or rename it, and run the command again.")
	}
	have.Data = want.Data
	return false, consumer.Update(ctx, have, fieldOwner)
}
