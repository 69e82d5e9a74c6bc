// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// install writes what a binding needs in the consumer, and waits for the konnector.
func (b *binder) install(ctx context.Context, consumer client.Client, c *install.Contract, bindings []*kubebindv1alpha2.APIServiceBinding) error {
	i := &install.Installer{
		Client: consumer, Owner: fieldOwner, Say: b.say, SkipKonnector: b.skipKonnector, Downgrade: b.downgrade,
		Bindings:  bindings,
		Konnector: konnector.Options{Image: b.konnectorImage, Version: b.Version},
	}
	err := i.Install(ctx, c)
	if err != nil || b.skipKonnector {
		return err
	}
	b.say("   Waiting for the konnector to be ready...")
	return b.await(ctx, "the konnector to run", func(ctx context.Context) (bool, string, error) { return install.Running(ctx, consumer) })
}
