// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/expect"
)

// The status is that of the example in the seed document.
func TestBindingStatus(t *testing.T) {
	binding := bindingHas(t, "cowboys", kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, "")
	for _, condition := range []string{
		kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ConditionConnected, kubebindv1alpha2.ConditionHeartbeating,
		kubebindv1alpha2.ConditionInformersSynced, kubebindv1alpha2.ConditionSchemaInSync, kubebindv1alpha2.ConditionObjectsInSync,
	} {
		if !kubebindv1alpha2.IsTrue(binding.Status.Conditions, condition) {
			t.Errorf("condition %s is not True: %+v", condition, binding.Status.Conditions)
		}
	}
	if binding.Status.ProviderPrettyName != "BigCorp.com" {
		t.Errorf("the provider is called %q", binding.Status.ProviderPrettyName)
	}
	want := kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: "cowboys"}
	if len(binding.Status.BoundSchemas) != 1 || binding.Status.BoundSchemas[0].GroupResource != want {
		t.Errorf("bound schemas are %+v", binding.Status.BoundSchemas)
	}
	if len(binding.Status.PermissionClaims) != 1 {
		t.Errorf("permission claims are %+v", binding.Status.PermissionClaims)
	}
	expect.Event(t, world.Consumer, binding, kubebindv1alpha2.ConditionReady)
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := world.Consumer.Client.Get(t.Context(), client.ObjectKey{Name: "cowboys.wildwest.dev"}, crd); err != nil {
		t.Fatal(err)
	}
	if owner := metav1.GetControllerOf(crd); owner == nil || owner.UID != binding.UID {
		t.Errorf("the CRD belongs to %+v", crd.OwnerReferences)
	}
}

// The provider sees how its consumer is doing.
func TestProviderIsTold(t *testing.T) {
	expect.Eventually(t, "the ClusterBinding should have a heartbeat", func(ctx context.Context) error {
		b := &kubebindv1alpha2.ClusterBinding{}
		if err := world.Provider.Client.Get(ctx, client.ObjectKey{Namespace: world.place.Namespace, Name: "cluster"}, b); err != nil {
			return err
		}
		s := b.Status
		switch {
		case s.LastHeartbeatTime == nil || s.HeartbeatInterval == nil || s.ConsumerSecretRef == nil:
			return fmt.Errorf("it has %+v", s)
		case s.ConsumerSecretRef.Name != "cowboys" || s.KonnectorVersion != "v0.0.1":
			return fmt.Errorf("it has %+v", s)
		}
		return allTrue(s.Conditions, kubebindv1alpha2.ConditionSecretValid, kubebindv1alpha2.ConditionValidVersion, kubebindv1alpha2.ConditionHealthy, kubebindv1alpha2.ConditionReady)
	})
	expect.Eventually(t, "the export should know of its binding", func(ctx context.Context) error {
		e := &kubebindv1alpha2.APIServiceExport{}
		if err := world.Provider.Client.Get(ctx, client.ObjectKey{Namespace: world.place.Namespace, Name: "cowboys"}, e); err != nil {
			return err
		}
		return allTrue(e.Status.Conditions, kubebindv1alpha2.ConditionConnected, kubebindv1alpha2.ConditionConsumerInSync, kubebindv1alpha2.ConditionProviderInSync, kubebindv1alpha2.ConditionReady)
	})
	expect.Eventually(t, "the schema should have the CRD's state", func(ctx context.Context) error {
		s := &kubebindv1alpha2.BoundSchema{}
		if err := world.Provider.Client.Get(ctx, client.ObjectKey{Namespace: world.place.Namespace, Name: "cowboys.wildwest.dev"}, s); err != nil {
			return err
		}
		if s.Status.AcceptedNames == nil || s.Status.AcceptedNames.Kind != "Cowboy" || len(s.Status.StoredVersions) != 1 {
			return fmt.Errorf("it has %+v", s.Status)
		}
		return allTrue(s.Status.Conditions, "Established", "NamesAccepted", kubebindv1alpha2.ConditionReady)
	})
}

func allTrue(conditions []kubebindv1alpha2.Condition, types ...string) error {
	var errs []error
	for _, conditionType := range types {
		if !kubebindv1alpha2.IsTrue(conditions, conditionType) {
			errs = append(errs, fmt.Errorf("%s is not True in %+v", conditionType, conditions))
		}
	}
	return errors.Join(errs...)
}
