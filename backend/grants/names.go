// SPDX-License-Identifier: Apache-2.0

package grants

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// maxLabel is how long the value of a label may be.
const maxLabel = 63

// digestLength is how many hexadecimal digits of a digest keep names apart.
const digestLength = 16

func digest(export types.NamespacedName) string {
	sum := sha256.Sum256([]byte(export.String()))
	return hex.EncodeToString(sum[:])[:digestLength]
}

// NamespacedRoleName returns the name of an export's Role and RoleBinding in each of the consumer's namespaces. It is of
// fixed length, whatever the export is called.
func NamespacedRoleName(export types.NamespacedName) string {
	return kubebindv1alpha2.BinderName + "-" + digest(export)
}

// clusterName is the name of an export's cluster-scoped objects.
func clusterName(export types.NamespacedName) string {
	return kubebindv1alpha2.BinderName + "-" + export.Namespace + "-" + digest(export)
}

// Labels returns the labels of everything that is granted for an export. A label cannot hold every name, so a long
// one is represented by its digest.
func Labels(export types.NamespacedName) client.MatchingLabels {
	name := export.Name
	if len(name) > maxLabel {
		name = digest(export)
	}
	return client.MatchingLabels{
		kubebindv1alpha2.ContractNamespaceLabel: export.Namespace,
		kubebindv1alpha2.ExportLabel:            name,
	}
}

// ExportOf returns the export that an object was made for, and whether it was made for one.
func ExportOf(obj client.Object) (types.NamespacedName, bool) {
	export := types.NamespacedName{
		Namespace: obj.GetLabels()[kubebindv1alpha2.ContractNamespaceLabel],
		Name:      obj.GetAnnotations()[kubebindv1alpha2.ExportLabel],
	}
	return export, export.Namespace != "" && export.Name != ""
}
