// SPDX-License-Identifier: Apache-2.0

package binding

import (
	"fmt"
	"slices"
	"strings"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// withdrawn says that the provider does not offer a resource any more: the export is gone, or was made again without it.
func withdrawn(f Facts, name kubebindv1alpha2.GroupResource) bool {
	return f.Export == nil || !slices.ContainsFunc(f.Export.Spec.Resources, func(r kubebindv1alpha2.ExportedResource) bool {
		return r.GroupResource.GroupResource() == name.GroupResource()
	})
}

// offered are the resources that the export has.
func offered(f Facts) []ResourceFacts {
	return slices.DeleteFunc(slices.Clone(f.Resources), func(r ResourceFacts) bool { return withdrawn(f, r.Name) })
}

// withdrawnResources is the message about resources that are here and that the export has not any more; empty if there are none.
func withdrawnResources(f Facts) string {
	var names []string
	for _, r := range f.Resources {
		if r.CRD != nil && withdrawn(f, r.Name) {
			names = append(names, r.Name.ResourceGroupName())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("The provider has made the export again without %s. Objects here are kept and can be deleted; changes of them go nowhere. "+
		"To be rid of such an API, delete its CustomResourceDefinition, unless another binding needs it, or delete this binding.", strings.Join(names, ", "))
}
