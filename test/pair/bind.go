// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// FieldManager is who the user of a pair is.
const FieldManager = "user"

// RequestNamespace is where a consumer of a pair asks the provider for bindings: each has its own.
func RequestNamespace(identity string) string { return "consumer-" + identity }

const pollInterval = 50 * time.Millisecond

// Place is what a consumer has at the provider.
type Place struct {
	// Namespace is the contract namespace.
	Namespace string
	// Kubeconfig is the consumer's credential.
	Kubeconfig []byte
	// Own says that the place is a workspace of the consumer's own, so that names stay what they are.
	Own bool
}

// There is the provider's namespace of a consumer's, unless the isolation is another than Prefixed.
func (p *Place) There(namespace string) string {
	if p.Own {
		return namespace
	}
	return p.Namespace + "-" + namespace
}

// Apply applies manifests, as kubectl apply --server-side does.
func (s *Side) Apply(ctx context.Context, files ...string) error {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := s.ApplyYAML(ctx, data); err != nil {
			return fmt.Errorf("applying %s: %w", file, err)
		}
	}
	return nil
}

// ApplyYAML applies one manifest.
func (s *Side) ApplyYAML(ctx context.Context, manifest []byte) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(manifest, &object.Object); err != nil {
		return err
	}
	return s.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(FieldManager), client.ForceOwnership)
}

// EnsureNamespace makes a namespace if it is missing.
func (s *Side) EnsureNamespace(ctx context.Context, name string) error {
	err := s.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return client.IgnoreAlreadyExists(err)
}

// ClusterUID is what a cluster is told apart by.
func (s *Side) ClusterUID(ctx context.Context) (string, error) {
	system := &corev1.Namespace{}
	err := s.Client.Get(ctx, client.ObjectKey{Name: "kube-system"}, system)
	return string(system.UID), err
}

// CreateRequest asks the provider for a binding to a template, by a BindableResourcesRequest of the given name.
func (p *Pair) CreateRequest(ctx context.Context, name, template, identity string) (*kubebindv1alpha2.BindableResourcesRequest, error) {
	namespace := RequestNamespace(identity)
	if err := p.Provider.EnsureNamespace(ctx, namespace); err != nil {
		return nil, err
	}
	request := &kubebindv1alpha2.BindableResourcesRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: kubebindv1alpha2.BindableResourcesRequestSpec{
			Author:          "tester",
			ClusterIdentity: kubebindv1alpha2.ClusterIdentity{Identity: identity},
			TemplateRef:     &kubebindv1alpha2.TemplateReference{Name: template},
		},
	}
	if err := retryNoMatch(ctx, func() error { return p.Provider.Client.Create(ctx, request) }); err != nil {
		return nil, fmt.Errorf("asking for a binding: %w", err)
	}
	return request, nil
}

// Request is CreateRequest, and waits for the answer.
func (p *Pair) Request(ctx context.Context, name, template, identity string) (*Place, error) {
	request, err := p.CreateRequest(ctx, name, template, identity)
	if err != nil {
		return nil, err
	}
	err = wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		if err := p.Provider.Client.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
			return false, err
		}
		if request.Status.Phase == kubebindv1alpha2.PhaseFailed {
			return false, fmt.Errorf("the request failed: %+v", request.Status.Conditions)
		}
		return request.Status.Phase == kubebindv1alpha2.PhaseSucceeded, nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for the provider's answer (%+v): %w", request.Status, err)
	}
	secret := &corev1.Secret{}
	ref := request.Status.KubeconfigSecretRef
	if err := p.Provider.Client.Get(ctx, client.ObjectKey{Namespace: request.Namespace, Name: ref.Name}, secret); err != nil {
		return nil, fmt.Errorf("reading the provider's answer: %w", err)
	}
	response := &kubebindv1alpha2.BindingResourceResponse{}
	if err := json.Unmarshal(secret.Data[ref.Key], response); err != nil {
		return nil, fmt.Errorf("reading the provider's answer: %w", err)
	}
	return &Place{Namespace: request.Status.Namespace, Kubeconfig: response.Kubeconfig, Own: p.kind == KCPWorkspace}, nil
}

// retryNoMatch waits for an API that is just being installed.
func retryNoMatch(ctx context.Context, f func() error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, 3*time.Minute, true, func(context.Context) (bool, error) {
		last = f()
		return last == nil || !isNoMatch(last), nil
	})
	if last != nil {
		return last
	}
	return err
}

func isNoMatch(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }

// SaveKubeconfig puts a place's credential into a Secret of the consumer.
func (p *Pair) SaveKubeconfig(ctx context.Context, secret string, kubeconfig []byte) error {
	if err := p.Consumer.EnsureNamespace(ctx, kubebindv1alpha2.ConsumerNamespace); err != nil {
		return err
	}
	object := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: secret},
		Data:       map[string][]byte{kubebindv1alpha2.KubeconfigSecretKey: kubeconfig},
	}
	err := p.Consumer.Client.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		return p.Consumer.Client.Update(ctx, object)
	}
	return err
}

// CreateBinding makes an APIServiceBinding that refers to a Secret of SaveKubeconfig.
func (p *Pair) CreateBinding(ctx context.Context, name, secret string) error {
	binding := &kubebindv1alpha2.APIServiceBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: kubebindv1alpha2.APIServiceBindingSpec{KubeconfigSecretRef: kubebindv1alpha2.ClusterSecretKeyRef{
			LocalSecretKeyRef: kubebindv1alpha2.LocalSecretKeyRef{Name: secret, Key: kubebindv1alpha2.KubeconfigSecretKey},
			Namespace:         kubebindv1alpha2.ConsumerNamespace,
		}},
	}
	return retryNoMatch(ctx, func() error { return p.Consumer.Client.Create(ctx, binding) })
}

// WaitBinding waits until a condition of a binding has a status and reason, and returns the binding as it then was.
// An empty reason is any.
func (p *Pair) WaitBinding(ctx context.Context, name, conditionType string, status metav1.ConditionStatus, reason string) (*kubebindv1alpha2.APIServiceBinding, error) {
	binding := &kubebindv1alpha2.APIServiceBinding{}
	err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		if err := p.Consumer.Client.Get(ctx, client.ObjectKey{Name: name}, binding); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		c := kubebindv1alpha2.FindCondition(binding.Status.Conditions, conditionType)
		return c != nil && c.Status == status && (reason == "" || c.Reason == reason), nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for condition %s=%s (%s) of binding %s, which has %+v: %w", conditionType, status, reason, name, binding.Status.Conditions, err)
	}
	return binding, nil
}

// Bind does all that it takes to bind a template that the provider has: request, Secret, binding; and waits until the
// binding is ready. The binding has the given name, and so have the request and the Secret.
func (p *Pair) Bind(ctx context.Context, name, template string) (*Place, error) {
	identity, err := p.Consumer.ClusterUID(ctx)
	if err != nil {
		return nil, err
	}
	place, err := p.Request(ctx, name, template, identity)
	if err != nil {
		return nil, err
	}
	if err := p.SaveKubeconfig(ctx, name, place.Kubeconfig); err != nil {
		return nil, fmt.Errorf("saving the kubeconfig: %w", err)
	}
	if err := p.CreateBinding(ctx, name, name); err != nil {
		return nil, fmt.Errorf("creating the binding: %w", err)
	}
	_, err = p.WaitBinding(ctx, name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	return place, err
}

// ApplyTemplate applies CRDs and templates to the provider, once its own API is there.
func (p *Pair) ApplyTemplate(ctx context.Context, files ...string) error {
	return retryNoMatch(ctx, func() error { return p.Provider.Apply(ctx, files...) })
}
