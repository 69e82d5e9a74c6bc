// SPDX-License-Identifier: Apache-2.0

package enclosure

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// maxBindings is how many bindings a Secret may enclose.
const maxBindings = 100

// pending tells whether a Secret encloses bindings that were not made, and what to note once they are.
func pending(secret *corev1.Secret) (note string, wanted bool) {
	text := secret.Annotations[kubebindv1alpha2.BindingsAnnotation]
	if text == "" || secret.Labels[kubebindv1alpha2.ProviderKubeconfigLabel] != "true" || !secret.DeletionTimestamp.IsZero() {
		return "", false
	}
	sum := sha256.Sum256([]byte(text))
	note = hex.EncodeToString(sum[:])
	return note, secret.Annotations[kubebindv1alpha2.BindingsMadeAnnotation] != note
}

// enclosed are the bindings of a Secret. All of them use that Secret, whatever they say.
func enclosed(secret *corev1.Secret) ([]kubebindv1alpha2.APIServiceBinding, error) {
	var list []kubebindv1alpha2.APIServiceBinding
	if err := yaml.UnmarshalStrict([]byte(secret.Annotations[kubebindv1alpha2.BindingsAnnotation]), &list); err != nil {
		return nil, fmt.Errorf("it is no list of APIServiceBindings: %w", err)
	}
	if len(list) > maxBindings {
		return nil, fmt.Errorf("it has more than %d bindings", maxBindings)
	}
	out := make([]kubebindv1alpha2.APIServiceBinding, 0, len(list))
	for i := range list {
		given := &list[i]
		if given.Name == "" {
			return nil, errors.New("a binding in it has no metadata.name")
		}
		if slices.ContainsFunc(out, func(b kubebindv1alpha2.APIServiceBinding) bool { return b.Name == given.Name }) {
			return nil, fmt.Errorf("it has two bindings %s", given.Name)
		}
		b := kubebindv1alpha2.APIServiceBinding{Spec: given.Spec}
		b.Name, b.Labels, b.Annotations = given.Name, given.Labels, given.Annotations
		ref := &b.Spec.KubeconfigSecretRef
		ref.Namespace, ref.Name = secret.Namespace, secret.Name
		if ref.Key == "" {
			ref.Key = kubebindv1alpha2.KubeconfigSecretKey
		}
		out = append(out, b)
	}
	return out, nil
}
