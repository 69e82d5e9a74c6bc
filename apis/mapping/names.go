// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strconv"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

const (
	// separator stands between a contract namespace and a name. Contract namespaces end in a hash without it, so that
	// of two of them with the same prefix none continues the other.
	separator = "-"
	// maxNamespaceLength is the longest name of a namespace: that of a DNS label.
	maxNamespaceLength = 63
	// maxNameLength is the longest name of any other object: that of a DNS subdomain.
	maxNameLength = 253
	// identityBytes is how much of an identity's hash goes into the name of its place.
	identityBytes = 8
	base36        = 36
)

var errEmptyName = errors.New("an object without a name has no place")

// ContractNamespaceName returns the name of the place of a consumer: the prefix, and the first 8 bytes of the
// identity's SHA-224 in base 36. Upstream names it the same way, so that its consumers find their place again.
func ContractNamespaceName(prefix, identity string) string {
	sum := sha256.Sum224([]byte(identity))
	return prefix + strconv.FormatUint(binary.BigEndian.Uint64(sum[:identityBytes]), base36)
}

// ServiceNamespaceName returns the name of the provider namespace that stands for a consumer's namespace: with the
// contract namespace in front, or, with isolation None, the same. It fails with a NameTooLongError when Kubernetes does
// not allow a namespace to be called so.
func ServiceNamespaceName(
	contractNamespace, namespace string, isolation kubebindv1alpha2.Isolation,
) (string, error) {
	name := namespace
	if isolation != kubebindv1alpha2.IsolationNone {
		name = contractNamespace + separator + namespace
	}
	if namespace == "" {
		return "", errEmptyName
	}
	if len(name) > maxNamespaceLength {
		return "", &NameTooLongError{Name: namespace, Provider: name, Max: maxNamespaceLength}
	}
	return name, nil
}

func checkName(consumer, provider string) error {
	if consumer == "" {
		return errEmptyName
	}
	if len(provider) > maxNameLength {
		return &NameTooLongError{Name: consumer, Provider: provider, Max: maxNameLength}
	}
	return nil
}
