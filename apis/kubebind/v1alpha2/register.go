// SPDX-License-Identifier: Apache-2.0

package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// GroupName is the API group of kube-bind.
	GroupName = "kube-bind.io"
	// Version is the version of this package's types.
	Version = "v1alpha2"
)

// GroupVersion is the group and version of this package's types.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: Version}

// Resource returns the GroupResource of one of this group's resources, given its plural name.
func Resource(resource string) schema.GroupResource {
	return schema.GroupResource{Group: GroupName, Resource: resource}
}

// AddToScheme registers every kind of this package that travels as an object of its own. It never fails; the error is
// there because runtime.SchemeBuilder asks for it.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&APIServiceBinding{}, &APIServiceBindingList{},
		&APIServiceBindingBundle{}, &APIServiceBindingBundleList{},
		&APIServiceExport{}, &APIServiceExportList{},
		&APIServiceExportRequest{}, &APIServiceExportRequestList{},
		&APIServiceExportTemplate{}, &APIServiceExportTemplateList{},
		&APIServiceNamespace{}, &APIServiceNamespaceList{},
		&BindableResourcesRequest{}, &BindableResourcesRequestList{},
		&BindingProvider{}, &BindingResourceResponse{},
		&BoundSchema{}, &BoundSchemaList{},
		&Cluster{}, &ClusterList{},
		&ClusterBinding{}, &ClusterBindingList{},
		&Collection{}, &CollectionList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
