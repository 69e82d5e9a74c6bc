// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// install writes what a binding needs in the consumer: namespace, credential, konnector, and its rights.
func (b *binder) install(ctx context.Context, consumer client.Client, c *contract) error {
	created, err := ensureNamespace(ctx, consumer)
	if err != nil {
		return err
	}
	if created {
		b.say("Created %s namespace.", kubebindv1alpha2.ConsumerNamespace)
	}
	created, err = c.save(ctx, consumer)
	if err != nil {
		return fmt.Errorf("saving the provider's kubeconfig: %w", err)
	}
	verb := "Updated"
	if created {
		verb = "Created"
	}
	b.say("🔒 %s secret %s/%s for host %s, namespace %s", verb, kubebindv1alpha2.ConsumerNamespace, c.secretName(), c.host, c.namespace)
	if b.skipKonnector {
		return nil
	}
	for i := range c.requests {
		if err := apply(ctx, consumer, konnector.RoleFor(c.requests[i].Name, &c.requests[i].Spec)); err != nil {
			return err
		}
	}
	return b.deploy(ctx, consumer)
}

// deploy brings the konnector to this program's version, and waits until it runs. A newer one is left.
func (b *binder) deploy(ctx context.Context, consumer client.Client) error {
	have := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: konnector.Name}
	err := consumer.Get(ctx, key, have)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("looking for the konnector: %w", err)
	}
	action := decideKonnector(err == nil, imageOf(have), b.konnectorImage, b.Version)
	switch action {
	case konnectorKeep:
		b.say("ℹ️  The konnector in your cluster stays as it is (%s).", imageOf(have))
	case konnectorUpdate:
		b.say("🚀 Updating konnector to %s in namespace %s.", orElse(b.konnectorImage, b.Version), kubebindv1alpha2.ConsumerNamespace)
	case konnectorDeploy:
		b.say("🚀 Deploying konnector %s to namespace %s.", orElse(b.konnectorImage, b.Version), kubebindv1alpha2.ConsumerNamespace)
	}
	if action != konnectorKeep {
		for _, object := range konnector.Objects(konnector.Options{Image: b.konnectorImage, Version: b.Version, HostAliases: have.Spec.Template.Spec.HostAliases}) {
			if err := apply(ctx, consumer, object); err != nil {
				return err
			}
		}
	}
	b.say("   Waiting for the konnector to be ready...")
	return b.await(ctx, "the konnector to run", func(ctx context.Context) (bool, string, error) { return running(ctx, consumer, key) })
}

// running tells whether a Deployment has a replica of its latest version that is ready.
func running(ctx context.Context, consumer client.Client, key client.ObjectKey) (bool, string, error) {
	d := &appsv1.Deployment{}
	if err := consumer.Get(ctx, key, d); err != nil {
		return false, "", fmt.Errorf("looking at the konnector: %w", err)
	}
	message := fmt.Sprintf("%d of %d replicas are ready", d.Status.ReadyReplicas, konnector.Replicas)
	for _, c := range d.Status.Conditions {
		if c.Status == corev1.ConditionFalse || c.Type == appsv1.DeploymentReplicaFailure {
			message += "; " + c.Message
		}
	}
	return d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas > 0 && d.Status.AvailableReplicas > 0, message, nil
}

func imageOf(d *appsv1.Deployment) string {
	for _, c := range d.Spec.Template.Spec.Containers {
		if c.Name == konnector.Name {
			return c.Image
		}
	}
	return ""
}

// konnectorAction is what becomes of a cluster's konnector.
type konnectorAction string

const (
	konnectorKeep   konnectorAction = "keep"
	konnectorDeploy konnectorAction = "deploy"
	konnectorUpdate konnectorAction = "update"
)

// decideKonnector is a table:
//
//	there is none                                   deploy
//	an image was named                              update, unless it is that one
//	its tag, or our version, is no version          keep: somebody built it themselves
//	ours is newer                                   update
//	ours is the same or older                       keep
func decideKonnector(found bool, image, wanted, version string) konnectorAction {
	if !found {
		return konnectorDeploy
	}
	if wanted != "" {
		if image == wanted {
			return konnectorKeep
		}
		return konnectorUpdate
	}
	tag := ""
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		tag = image[i+1:]
	}
	have, err := semver.NewVersion(tag)
	if err != nil {
		return konnectorKeep
	}
	ours, err := semver.NewVersion(version)
	if err != nil || !have.LessThan(ours) {
		return konnectorKeep
	}
	return konnectorUpdate
}

// apply is a server-side apply. Fields that somebody else has taken over are theirs to decide on, and are named.
func apply(ctx context.Context, c client.Client, object client.Object) error {
	kind := object.GetObjectKind().GroupVersionKind().Kind
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return fmt.Errorf("encoding the %s %s: %w", kind, object.GetName(), err)
	}
	unstructured.RemoveNestedField(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	err = c.Apply(ctx, client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content}), fieldOwner)
	if apierrors.IsConflict(err) {
		return exit(ExitFailed, fmt.Errorf("applying the %s %s: somebody else has changed it: %w", kind, object.GetName(), err), "Remove that change, or use --skip-konnector and deploy the konnector yourself.")
	}
	if err != nil {
		return fmt.Errorf("applying the %s %s: %w", kind, object.GetName(), err)
	}
	return nil
}
