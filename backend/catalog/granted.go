// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// grantedKey is the field of a ClusterBinding's spec.serviceProviderSpec that lists the templates the consumer was
// granted. Consumers cannot write the spec.
const grantedKey = "grantedTemplates"

// Granted returns the names of the templates that the consumer of a ClusterBinding was granted.
func Granted(binding *kubebindv1alpha2.ClusterBinding) ([]string, error) {
	fields, err := providerSpec(binding)
	if err != nil {
		return nil, err
	}
	raw, found := fields[grantedKey]
	if !found {
		return nil, nil
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return nil, fmt.Errorf("reading %s of the ClusterBinding: %w", grantedKey, err)
	}
	return names, nil
}

// Grant adds a template to those of a ClusterBinding, and says whether that changed anything. What else the spec holds
// stays.
func Grant(binding *kubebindv1alpha2.ClusterBinding, template string) (bool, error) {
	names, err := Granted(binding)
	if err != nil || slices.Contains(names, template) {
		return false, err
	}
	fields, err := providerSpec(binding)
	if err != nil {
		return false, err
	}
	names = append(slices.Clone(names), template)
	slices.Sort(names)
	if fields[grantedKey], err = json.Marshal(names); err != nil {
		return false, fmt.Errorf("writing %s: %w", grantedKey, err)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return false, fmt.Errorf("writing the serviceProviderSpec: %w", err)
	}
	binding.Spec.ServiceProviderSpec = runtime.RawExtension{Raw: raw}
	return true, nil
}

func providerSpec(binding *kubebindv1alpha2.ClusterBinding) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	raw := binding.Spec.ServiceProviderSpec.Raw
	if len(raw) == 0 || string(raw) == "null" {
		return fields, nil
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("reading the serviceProviderSpec of the ClusterBinding: %w", err)
	}
	return fields, nil
}
