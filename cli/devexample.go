// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/dev"
)

// What the example binds, and makes.
const (
	exampleTemplate = "cowboys"
	exampleObject   = `apiVersion: wildwest.dev/v1alpha1
kind: Cowboy
metadata:
  name: billy-the-kid
  namespace: default
spec:
  intent: Ride the range and protect the cattle
`
	exampleResult = "The cattle are safe"
)

// devExample binds an API in the development environment, and shows an object on both sides.
type devExample struct {
	*deploy
	environment *devEnvironment
	print       bool
}

func (c *cli) devExampleCommand(environment *devEnvironment) *cobra.Command {
	x := &devExample{deploy: &deploy{binder: newBinder(c)}, environment: environment}
	x.yes = true
	cmd := &cobra.Command{
		Use: "example", Short: "Bind cowboys in the development environment, and show an object on both sides", Args: none,
		Long: `Binds the API cowboys, unless it is bound, creates a Cowboy at the consumer, and shows its copy at the provider. Then it plays the
provider's service, which writes the status, and shows that at the consumer. No browser is needed: the request is made at the provider.`,
		PreRunE: func(*cobra.Command, []string) error { return environment.complete() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return devError(x.run(cmd.Context())) },
	}
	cmd.Flags().DurationVar(&x.timeout, "timeout", x.timeout, "How long to wait for everything.")
	cmd.Flags().BoolVar(&x.print, "print", false, "Only print the object, for kubectl apply -f -.")
	return cmd
}

func (x *devExample) run(ctx context.Context) error {
	if x.print {
		_, err := fmt.Fprint(x.Out, exampleObject)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	e, err := dev.Load(x.environment.dir)
	if err != nil {
		return err
	}
	provider, err := x.admin(e.ProviderKubeconfig())
	if err != nil {
		return err
	}
	binding, err := e.Binding()
	if err != nil {
		return err
	}
	x.skipKonnector, x.konnectorImage, x.providerAddress = binding.SkipKonnector, binding.Konnector, binding.ProviderAddress
	file, current := e.ConsumerKubeconfig(), ""
	x.kube.KubeConfig, x.kube.Context = &file, &current
	consumer, err := x.consumer()
	if err != nil {
		return err
	}
	if err := x.bindOnce(ctx, provider, consumer); err != nil {
		return err
	}
	return x.show(ctx, provider, consumer)
}

// bindOnce binds, unless that was done.
func (x *devExample) bindOnce(ctx context.Context, provider, consumer client.Client) error {
	binding := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: exampleTemplate}}
	err := consumer.Get(ctx, client.ObjectKeyFromObject(binding), binding)
	if err == nil {
		x.say("✅ %s are bound already", exampleTemplate)
		return x.await(ctx, "the konnector", func(ctx context.Context) (bool, string, error) { return ready(ctx, consumer, binding) })
	}
	if !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		return fmt.Errorf("looking for the binding: %w", err)
	}
	identity, err := identityOf(ctx, consumer, identityNamespace)
	if err != nil {
		return err
	}
	response, err := x.ask(ctx, provider, identity)
	if err != nil {
		return err
	}
	return x.bindAnswer(ctx, response)
}

// ask asks the provider for a binding, in its own API.
func (x *devExample) ask(ctx context.Context, provider client.Client, identity string) (*kubebindv1alpha2.BindingResourceResponse, error) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "dev-example-"}}
	if err := provider.Create(ctx, namespace, fieldOwner); err != nil {
		return nil, fmt.Errorf("asking the provider: %w", err)
	}
	request := &kubebindv1alpha2.BindableResourcesRequest{ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: exampleTemplate}}
	request.Spec.Author = "kubectl-bind"
	request.Spec.ClusterIdentity.Identity = identity
	request.Spec.TemplateRef = &kubebindv1alpha2.TemplateReference{Name: exampleTemplate}
	if err := provider.Create(ctx, request, fieldOwner); err != nil {
		return nil, fmt.Errorf("asking the provider: %w", err)
	}
	x.say("   Waiting for the provider's answer...")
	err := x.await(ctx, "the provider's answer", func(ctx context.Context) (bool, string, error) {
		if err := provider.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
			return false, "", err
		}
		if request.Status.Phase == kubebindv1alpha2.PhaseFailed {
			return false, "", exit(ExitRefused, fmt.Errorf("the provider refuses: %+v", request.Status.Conditions), "Its log says more: kubectl bind dev status -o wide names the file.")
		}
		return request.Status.Phase == kubebindv1alpha2.PhaseSucceeded, orElse(string(request.Status.Phase), "the backend has not looked at the request yet"), nil
	})
	if err != nil {
		return nil, err
	}
	secret, ref := &corev1.Secret{}, request.Status.KubeconfigSecretRef
	if ref == nil {
		return nil, exit(ExitFailed, errors.New("the provider's answer names no Secret"), "Run the command again. The backend's log says more: kubectl bind dev status -o wide names the file.")
	}
	if err := provider.Get(ctx, client.ObjectKey{Namespace: request.Namespace, Name: ref.Name}, secret); err != nil {
		return nil, fmt.Errorf("reading the provider's answer: %w", err)
	}
	response := &kubebindv1alpha2.BindingResourceResponse{}
	if err := json.Unmarshal(secret.Data[ref.Key], response); err != nil {
		return nil, fmt.Errorf("reading the provider's answer: %w", err)
	}
	return response, nil
}

// show makes an object, and shows it at both sides.
func (x *devExample) show(ctx context.Context, provider, consumer client.Client) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(exampleObject), &object.Object); err != nil {
		return fmt.Errorf("reading the example: %w", err)
	}
	err := retryNoMatch(ctx, func() error {
		return consumer.Apply(ctx, client.ApplyConfigurationFromUnstructured(object.DeepCopy()), fieldOwner, client.ForceOwnership)
	})
	if err != nil {
		return fmt.Errorf("creating the example: %w", err)
	}
	fmt.Fprintf(x.Out, "consumer   cowboy %s/%s   spec.intent: %s\n", object.GetNamespace(), object.GetName(), field(object, "spec", "intent"))
	there, err := x.copyOf(ctx, provider, object)
	if err != nil {
		return err
	}
	fmt.Fprintf(x.Out, "provider   cowboy %s/%s   spec.intent: %s\n", there.GetNamespace(), there.GetName(), field(there, "spec", "intent"))
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"result":"`+exampleResult+`"}}`))
	if err := provider.Status().Patch(ctx, there, patch, fieldOwner); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	fmt.Fprintf(x.Out, "provider   cowboy %s/%s   status.result: %s\n", there.GetNamespace(), there.GetName(), field(there, "status", "result"))
	err = x.await(ctx, "the status at the consumer", func(ctx context.Context) (bool, string, error) {
		err := consumer.Get(ctx, client.ObjectKeyFromObject(object), object)
		return field(object, "status", "result") == exampleResult, "the status is not at the consumer yet", err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(x.Out, "consumer   cowboy %s/%s   status.result: %s\n", object.GetNamespace(), object.GetName(), field(object, "status", "result"))
	return nil
}

// copyOf waits for the copy of an object at the provider.
func (x *devExample) copyOf(ctx context.Context, provider client.Client, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(object.GroupVersionKind())
	var found *unstructured.Unstructured
	err := x.await(ctx, "the copy at the provider", func(ctx context.Context) (bool, string, error) {
		if err := provider.List(ctx, list); err != nil {
			return false, "", fmt.Errorf("looking for the copy at the provider: %w", err)
		}
		for i := range list.Items {
			if list.Items[i].GetName() == object.GetName() && field(&list.Items[i], "spec", "intent") == field(object, "spec", "intent") {
				found = &list.Items[i]
			}
		}
		return found != nil, "there is no copy at the provider yet", nil
	})
	return found, err
}

// field is a text in an object, or nothing.
func field(object *unstructured.Unstructured, path ...string) string {
	value, _, _ := unstructured.NestedString(object.Object, path...)
	return value
}
