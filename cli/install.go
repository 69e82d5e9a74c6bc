// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// deployable refuses, before anything is done, to deploy the konnector of a program that was built without a version: nobody can pull
// its image. A konnector that is there already stays as it is.
func (b *binder) deployable(ctx context.Context) error {
	if b.Version != unversioned || b.skipKonnector || b.konnectorImage != "" {
		return nil
	}
	if !b.dry() && !b.downgrade {
		consumer, err := b.consumer()
		if err != nil {
			return err
		}
		err = consumer.Get(ctx, install.KonnectorKey(), &appsv1.Deployment{})
		if err == nil {
			return nil
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("looking for the konnector: %w", err)
		}
	}
	return exit(ExitUsage, errors.New("this program was built without a version, and there is no image of its konnector"),
		"Name one with --konnector-image, or use --skip-konnector if somebody else deploys the konnector.")
}

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
