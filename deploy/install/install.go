// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// Installer writes into one consumer.
type Installer struct {
	// Client has the rights of whoever installs.
	Client client.Client
	// Owner is the field manager of what is written.
	Owner client.FieldOwner
	// Bindings are the contract's, with the consumer's answers to claims. Default: those of the contract, which accept all.
	Bindings []*kubebindv1alpha2.APIServiceBinding
	// Konnector is which one to deploy.
	Konnector konnector.Options
	// Downgrade deploys Konnector also where a newer one is.
	Downgrade bool
	// SkipKonnector leaves the konnector out: somebody else deploys it. Its rights for the bindings are written all the same, if they can be.
	SkipKonnector bool
	// Say is told what is done, a line at a time.
	Say func(format string, args ...any)
}

// ForeignError says that an object is in the way that somebody else made or changed.
type ForeignError struct {
	// Message for people.
	Message string
}

func (e *ForeignError) Error() string { return e.Message }

// KonnectorKey names the Deployment of the konnector.
func KonnectorKey() client.ObjectKey {
	return client.ObjectKey{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: konnector.Name}
}

// Install writes what a contract needs: namespace, credential, konnector and its rights. It does not wait for the konnector.
func (i *Installer) Install(ctx context.Context, c *Contract) error {
	created, err := i.ensureNamespace(ctx)
	if err != nil {
		return err
	}
	if created {
		i.Say("Created %s namespace.", kubebindv1alpha2.ConsumerNamespace)
	}
	created, err = i.save(ctx, c.Secret())
	if err != nil {
		return fmt.Errorf("saving the provider's kubeconfig: %w", err)
	}
	verb := "Updated"
	if created {
		verb = "Created"
	}
	i.Say("🔒 %s secret %s/%s for host %s, namespace %s", verb, kubebindv1alpha2.ConsumerNamespace, c.SecretName(), c.Config.Host, c.Namespace)
	if err := i.grant(ctx, c); err != nil || i.SkipKonnector {
		return err
	}
	return i.deploy(ctx)
}

// ensureNamespace makes the konnector's namespace, and says whether it did.
func (i *Installer) ensureNamespace(ctx context.Context) (bool, error) {
	err := i.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: kubebindv1alpha2.ConsumerNamespace}}, i.Owner)
	if apierrors.IsAlreadyExists(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("creating the namespace %s: %w", kubebindv1alpha2.ConsumerNamespace, err)
	}
	return true, nil
}

// save writes the credential. A Secret of that name that is not labelled as one of ours is left alone.
func (i *Installer) save(ctx context.Context, want *corev1.Secret) (created bool, err error) {
	err = i.Client.Create(ctx, want.DeepCopy(), i.Owner)
	if !apierrors.IsAlreadyExists(err) {
		return err == nil, err
	}
	have := &corev1.Secret{}
	if err := i.Client.Get(ctx, client.ObjectKeyFromObject(want), have); err != nil {
		return false, err
	}
	if have.Labels[kubebindv1alpha2.ProviderKubeconfigLabel] != "true" {
		return false, &ForeignError{Message: fmt.Sprintf("the Secret %s/%s exists and is not kube-bind's; remove it or rename it", have.Namespace, have.Name)}
	}
	have.Data = want.Data
	return false, i.Client.Update(ctx, have, i.Owner)
}

// deploy brings the konnector to the wanted version. A newer one is left, unless a downgrade was asked for.
func (i *Installer) deploy(ctx context.Context) error {
	have := &appsv1.Deployment{}
	err := i.Client.Get(ctx, KonnectorKey(), have)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("looking for the konnector: %w", err)
	}
	wanted := i.Konnector
	switch decide(err == nil, ImageOf(have), i.Konnector.Image, i.Konnector.Version, i.Downgrade) {
	case keep:
		i.Say("ℹ️  The konnector in your cluster stays as it is (%s).", ImageOf(have))
		return nil
	case update:
		i.Say("🚀 Updating konnector to %s in namespace %s.", i.Konnector.Label(), kubebindv1alpha2.ConsumerNamespace)
	case create:
		i.Say("🚀 Deploying konnector %s to namespace %s.", i.Konnector.Label(), kubebindv1alpha2.ConsumerNamespace)
	}
	if len(wanted.HostAliases) == 0 {
		wanted.HostAliases = have.Spec.Template.Spec.HostAliases
	}
	for _, object := range konnector.Objects(wanted) {
		if err := i.Apply(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// Running tells whether the konnector has a replica of its latest version that is ready, and what it waits for.
func Running(ctx context.Context, c client.Client) (bool, string, error) {
	d := &appsv1.Deployment{}
	if err := c.Get(ctx, KonnectorKey(), d); err != nil {
		return false, "", fmt.Errorf("looking at the konnector: %w", err)
	}
	ready := current(d)
	message := fmt.Sprintf("%d of %d replicas are ready", ready, konnector.Replicas)
	for _, condition := range d.Status.Conditions {
		if condition.Status == corev1.ConditionFalse || condition.Type == appsv1.DeploymentReplicaFailure {
			message += "; " + condition.Message
		}
	}
	if ready > 0 {
		return true, message, nil
	}
	stuck, err := stuck(ctx, c, d)
	return false, message + stuck, err
}

// stuck says why a Pod of a Deployment does not start, in the words of its node; its Deployment does not know. Who may not look at Pods
// does not get to know either.
func stuck(ctx context.Context, c client.Client, d *appsv1.Deployment) (string, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return "", fmt.Errorf("reading the konnector's selector: %w", err)
	}
	pods := &corev1.PodList{}
	if err := c.List(ctx, pods, client.InNamespace(d.Namespace), client.MatchingLabelsSelector{Selector: selector}); apierrors.IsForbidden(err) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("looking at the konnector's Pods: %w", err)
	}
	for i := range pods.Items {
		for _, status := range pods.Items[i].Status.ContainerStatuses {
			if w := status.State.Waiting; w != nil && w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
				return fmt.Sprintf("; the Pod %s waits: %s: %s", pods.Items[i].Name, w.Reason, w.Message), nil
			}
		}
	}
	return "", nil
}

// current is how many replicas of the latest version are available, at least: older ones go last, and count as available.
func current(d *appsv1.Deployment) int32 {
	if d.Status.ObservedGeneration < d.Generation {
		return 0
	}
	older := d.Status.Replicas - d.Status.UpdatedReplicas
	return min(max(d.Status.AvailableReplicas-older, 0), d.Status.UpdatedReplicas)
}

// ImageOf is the image of a konnector's Deployment, or "".
func ImageOf(d *appsv1.Deployment) string {
	for _, c := range d.Spec.Template.Spec.Containers {
		if c.Name == konnector.Name {
			return c.Image
		}
	}
	return ""
}

// action is what becomes of a cluster's konnector.
type action string

const (
	keep   action = "keep"
	create action = "create"
	update action = "update"
)

// decide is a table:
//
//	there is none                                   create
//	an image was named                              update, unless it is that one
//	its tag, or our version, is no version          keep: somebody built it themselves
//	ours is newer                                   update
//	ours is older                                   keep, unless a downgrade was asked for
//	ours is the same                                keep
func decide(found bool, image, wanted, version string, downgrade bool) action {
	if !found {
		return create
	}
	if wanted != "" {
		if image == wanted {
			return keep
		}
		return update
	}
	tag := ""
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		tag = image[i+1:]
	}
	have, err := semver.NewVersion(tag)
	if err != nil {
		return keep
	}
	ours, err := semver.NewVersion(version)
	if err != nil || have.Equal(ours) || have.GreaterThan(ours) && !downgrade {
		return keep
	}
	return update
}
