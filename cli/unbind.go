// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// unbind takes an API out of the consumer.
type unbind struct {
	*binder
	orphan bool
	force  bool
	wait   bool
}

func (c *cli) unbindCommand() *cobra.Command {
	u := &unbind{binder: newBinder(c), wait: true}
	cmd := &cobra.Command{
		Use: "unbind BINDING", Short: "Take an API out of your cluster, with its objects and their copies",
		Long: `Deletes an APIServiceBinding and waits until it is gone. Its objects go, once the provider has removed their copies, and
then its CRD. With --orphan the provider's copies stay.`,
		Args: exactly(1, "the name of a binding: see kubectl bind status"),
		RunE: func(cmd *cobra.Command, args []string) error { return u.run(cmd.Context(), args[0]) },
	}
	cmd.ValidArgsFunction = first(c.bindings)
	cmd.Flags().BoolVarP(&u.yes, "yes", "y", false, "Do not ask.")
	cmd.Flags().BoolVar(&u.orphan, "orphan", false, "Leave the provider's copies as they are.")
	cmd.Flags().BoolVar(&u.force, "force", false, "Do not wait for a provider that does not answer: what it holds stays there.")
	cmd.Flags().BoolVar(&u.wait, "wait", u.wait, "Wait until it is gone.")
	cmd.Flags().DurationVar(&u.timeout, "timeout", 5*time.Minute, "How long to wait.")
	return cmd
}

func (u *unbind) run(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	consumer, err := u.consumer()
	if err != nil {
		return err
	}
	binding := &kubebindv1alpha2.APIServiceBinding{}
	if err := consumer.Get(ctx, client.ObjectKey{Name: name}, binding); apierrors.IsNotFound(err) {
		return exit(ExitFailed, fmt.Errorf("there is no APIServiceBinding %q in your cluster", name), "See: kubectl bind status")
	} else if err != nil {
		return fmt.Errorf("reading the binding: %w", err)
	}
	objects := objectsOf(ctx, consumer, binding)
	if err := u.confirm(ctx, u.question(objects, binding)); err != nil {
		return err
	}
	if err := u.annotate(ctx, consumer, binding); err != nil {
		return err
	}
	uid := binding.UID
	if err := consumer.Delete(ctx, binding, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting the binding: %w", err)
	}
	if !u.wait {
		u.say("The binding %s is being removed. See: kubectl bind status %s", name, name)
		return nil
	}
	if err := u.await(ctx, "the binding to go", func(ctx context.Context) (bool, string, error) { return gone(ctx, consumer, name) }); err != nil {
		u.say("The removal of %s goes on without this program. See: kubectl bind status %[1]s", name)
		return err
	}
	role := konnector.RoleFor(binding, &kubebindv1alpha2.APIServiceExportRequestSpec{})
	if err := consumer.Delete(ctx, role); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("taking back the konnector's rights on it: %w", err)
	}
	u.say("Unbound %s. Gone from your cluster: %s of %s.", name, counted(objects, "object"), counted(len(binding.Status.BoundSchemas), "resource"))
	return nil
}

// question says what will be lost.
func (u *unbind) question(objects int, binding *kubebindv1alpha2.APIServiceBinding) string {
	copies := "and the provider's copies of them"
	if u.orphan {
		copies = "but not the provider's copies of them"
	}
	return fmt.Sprintf("This removes %s of %s from your cluster, %s.", counted(objects, "object"), counted(len(binding.Status.BoundSchemas), "resource"), copies)
}

// objectsOf counts the objects that go with a binding.
func objectsOf(ctx context.Context, consumer client.Client, binding *kubebindv1alpha2.APIServiceBinding) int {
	objects := 0
	for _, bound := range binding.Status.BoundSchemas {
		if found, err := count(ctx, consumer, bound.GroupResource); err == nil {
			objects += found.Objects
		}
	}
	return objects
}

// counted is "1 object" or "2 objects".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (u *unbind) annotate(ctx context.Context, consumer client.Client, binding *kubebindv1alpha2.APIServiceBinding) error {
	before := binding.DeepCopy()
	if u.orphan {
		metav1.SetMetaDataAnnotation(&binding.ObjectMeta, kubebindv1alpha2.DeletionPolicyAnnotation, kubebindv1alpha2.DeletionPolicyOrphan)
	}
	if u.force {
		metav1.SetMetaDataAnnotation(&binding.ObjectMeta, kubebindv1alpha2.ForceUnbindAnnotation, "true")
	}
	if err := consumer.Patch(ctx, binding, client.MergeFrom(before), fieldOwner); err != nil {
		return fmt.Errorf("saying how the binding is to go: %w", err)
	}
	return nil
}

// gone looks at a binding that goes, and says what it waits for.
func gone(ctx context.Context, consumer client.Client, name string) (bool, string, error) {
	binding := &kubebindv1alpha2.APIServiceBinding{}
	if err := consumer.Get(ctx, client.ObjectKey{Name: name}, binding); err != nil {
		return apierrors.IsNotFound(err), "", client.IgnoreNotFound(err)
	}
	message := "no konnector has looked at it yet"
	if c := kubebindv1alpha2.FindCondition(binding.Status.Conditions, kubebindv1alpha2.ConditionDraining); c != nil {
		message = c.Message
	}
	return false, message, nil
}
