// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"errors"

	"github.com/go-logr/logr"
	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/providers/kube"
)

// Names that a kcp is prepared with.
const (
	// ExportName is the name of the APIExport of kube-bind's API, and of its endpoint slice.
	ExportName = "kube-bind.io"
	// ConsumerType is the WorkspaceType of consumers' workspaces, beside that APIExport.
	ConsumerType = "kube-bind-consumer"
)

// Tenancy is where consumers get their places.
type Tenancy string

const (
	// Workspaces gives each consumer a workspace below the provider's.
	Workspaces Tenancy = "workspace"
	// Namespaces gives each consumer a namespace in the provider's workspace.
	Namespaces Tenancy = "namespace"
)

// Options say how a kcp is served.
type Options struct {
	// Tenancy is where consumers get their places. No default.
	Tenancy Tenancy
	// EndpointSlice is the APIExportEndpointSlice of the APIExport of kube-bind's API. Default: ExportName.
	EndpointSlice string
	// OfferBindings offers, besides what the provider exports itself, what its workspace has bound of others. Default: false.
	OfferBindings bool
	// Places say what places look like. External's address may have a path, of which what begins with /clusters/ is replaced.
	Places kube.Options
	// Cache says what is kept of the kinds that are watched. Default: everything.
	Cache cache.Options
	// Kinds are read as soon as a shard is known, all at the same time. Default: each when a controller asks for it.
	Kinds []client.Object
	// Logger of everything in this provider. Default: none.
	Logger logr.Logger
}

// AddToScheme adds kcp's kinds that the provider works with.
func AddToScheme(scheme *runtime.Scheme) error {
	return errors.Join(
		apisv1alpha1.AddToScheme(scheme),
		apisv1alpha2.AddToScheme(scheme),
		corev1alpha1.AddToScheme(scheme),
		tenancyv1alpha1.AddToScheme(scheme),
	)
}
