// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Version is the version of this package's types.
const Version = "v1alpha1"

// GroupVersion is the group and version of this package's types.
var GroupVersion = schema.GroupVersion{Group: kubebindv1alpha2.GroupName, Version: Version}

// AddToScheme registers every kind of this package. It never fails; the error is there because runtime.SchemeBuilder
// asks for it.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&APIServiceBinding{}, &APIServiceBindingList{},
		&APIServiceExport{}, &APIServiceExportList{},
		&APIServiceExportRequest{}, &APIServiceExportRequestList{},
		&APIServiceNamespace{}, &APIServiceNamespaceList{},
		&BindingProvider{}, &BindingResponse{},
		&ClusterBinding{}, &ClusterBindingList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
