// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AdoptableBy lists the contract namespaces that a provider namespace is lent to, by AllowAdoptionAnnotation.
func AdoptableBy(namespace metav1.Object) []string {
	var out []string
	for _, contract := range strings.Split(namespace.GetAnnotations()[AllowAdoptionAnnotation], ",") {
		if contract = strings.TrimSpace(contract); contract != "" {
			out = append(out, contract)
		}
	}
	return out
}

// Adoptable says whether a provider namespace is lent to the consumer of a contract namespace.
func Adoptable(namespace metav1.Object, contract string) bool {
	return slices.Contains(AdoptableBy(namespace), contract)
}
