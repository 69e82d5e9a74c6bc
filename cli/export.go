// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/printable"
)

// provider is a client of the consumer's place. At another address there must be the same server: its certificate says so.
func (b *binder) provider(c *install.Contract) (client.Client, error) {
	there := *c
	if b.providerAddress != "" {
		host, err := url.Parse(c.Config.Host)
		if err != nil {
			return nil, fmt.Errorf("reading the provider's kubeconfig: %w", err)
		}
		there.Config = rest.CopyConfig(c.Config)
		there.Config.Host, there.Config.ServerName = b.providerAddress, cmp.Or(c.Config.ServerName, host.Hostname())
	}
	return b.providerClient(&there)
}

// export asks at the provider for what was agreed, and waits for the answer.
func (b *binder) export(ctx context.Context, c *install.Contract) error {
	provider, err := b.provider(c)
	if err != nil {
		return err
	}
	for i := range c.Requests {
		request := &c.Requests[i]
		have := request.DeepCopy()
		have.Status = kubebindv1alpha2.APIServiceExportRequestStatus{}
		err := provider.Create(ctx, have)
		if apierrors.IsAlreadyExists(err) {
			err = sameRequest(ctx, provider, request)
		}
		if err != nil {
			return fmt.Errorf("asking the provider for the export: %w", err)
		}
		b.say("Asked the provider for %s, in namespace %s at %s.", request.Name, c.Namespace, c.Config.Host)
		if err := b.await(ctx, "the provider's answer", func(ctx context.Context) (bool, string, error) {
			return answered(ctx, provider, request)
		}); err != nil {
			return err
		}
	}
	return nil
}

// sameRequest looks at a request that was there already. It must ask for the same.
func sameRequest(ctx context.Context, provider client.Client, request *kubebindv1alpha2.APIServiceExportRequest) error {
	have := &kubebindv1alpha2.APIServiceExportRequest{}
	if err := provider.Get(ctx, client.ObjectKeyFromObject(request), have); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !equality.Semantic.DeepDerivative(request.Spec, have.Spec) {
		return exit(ExitRefused, fmt.Errorf("a request called %s was made a short time ago, for something else", request.Name),
			"Choose another name with --name, or run the command again in ten minutes.")
	}
	return nil
}

// left tells what is there of a bind that did not come to its end.
func left(c *install.Contract) string {
	return fmt.Sprintf("What the lines above say was made stays: the same command goes on from there, and kubectl bind unbind takes a binding away. "+
		"Your place at the provider is namespace %s at %s.", c.Namespace, c.Config.Host)
}

// answered looks at a request, or at the export that it has become: finished requests are deleted after a while.
func answered(ctx context.Context, provider client.Client, request *kubebindv1alpha2.APIServiceExportRequest) (bool, string, error) {
	have := &kubebindv1alpha2.APIServiceExportRequest{}
	err := provider.Get(ctx, client.ObjectKeyFromObject(request), have)
	if apierrors.IsNotFound(err) {
		err = provider.Get(ctx, client.ObjectKeyFromObject(request), &kubebindv1alpha2.APIServiceExport{})
		return err == nil, "it is not there", client.IgnoreNotFound(err)
	}
	if err != nil {
		return false, "", err
	}
	switch have.Status.Phase {
	case kubebindv1alpha2.PhaseSucceeded:
		return true, "", nil
	case kubebindv1alpha2.PhaseFailed:
		return false, "", exit(ExitRefused, fmt.Errorf("the provider refuses the export: %s", printable.Line(have.Status.TerminalMessage)),
			"Ask the provider's administrator to mend that. This answer stands for ten minutes; then run the command again.")
	}
	message := "it has not looked at it yet"
	if ready := kubebindv1alpha2.FindCondition(have.Status.Conditions, kubebindv1alpha2.ConditionReady); ready != nil {
		message = ready.Message
	}
	return false, message, nil
}
