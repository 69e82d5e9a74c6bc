// SPDX-License-Identifier: Apache-2.0

package kcpinit

import (
	"context"
	"errors"
	"fmt"
	"time"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/providers/kcp"
)

// fieldOwner owns what kcp-init applies.
const fieldOwner = client.FieldOwner("kcp-init")

// Options say what to prepare.
type Options struct {
	// Config reaches kcp as somebody who may do everything in Parent and in the workspace that is made there. The path of its host does not matter. Required.
	Config *rest.Config
	// Parent is the path of the workspace that kube-bind's own is made in. Default: root.
	Parent string
	// Workspace is the name of kube-bind's own. Default: kube-bind.
	Workspace string
	// ProviderGroups may bind kube-bind's API in their workspaces, and so become providers. Default: system:authenticated.
	ProviderGroups []string
	// BackendUser is the backend as kcp knows it, by a client certificate or otherwise. "" is a ServiceAccount, which is made:
	// enough for the tenancy namespace. Of workspaces that a ServiceAccount makes, kcp 0.31 cannot bind the default APIs.
	BackendUser string
	// CRDs are those of kube-bind's API. Default: those of this version.
	CRDs []*apiextensionsv1.CustomResourceDefinition
	// Report is told what is done. Default: nothing.
	Report func(format string, args ...any)
}

// Prepared is what there is then.
type Prepared struct {
	// Path of kube-bind's workspace.
	Path string
	// Token is that of the backend's ServiceAccount, or "" if the backend is a user.
	Token string
	// Claims are those of the APIExport, which provider workspaces have to accept.
	Claims []apisv1alpha2.PermissionClaim
}

// Init prepares a kcp. It may be repeated, and then writes what has changed. It waits for kcp as long as ctx lasts.
func Init(ctx context.Context, o Options) (*Prepared, error) {
	i, err := newInit(o)
	if err != nil {
		return nil, err
	}
	if err := i.workspace(ctx); err != nil {
		return nil, err
	}
	own, err := i.clientFor(i.path)
	if err != nil {
		return nil, err
	}
	hash, err := i.tenancyHash(ctx, own)
	if err != nil {
		return nil, err
	}
	out := &Prepared{Path: i.path, Claims: Claims(hash)}
	if err := i.furnish(ctx, own, out.Claims); err != nil {
		return nil, err
	}
	if err := i.ready(ctx, own); err != nil {
		return nil, err
	}
	if o.BackendUser == "" {
		out.Token, err = i.token(ctx, own)
	}
	return out, err
}

type initializer struct {
	opts   Options
	path   string
	scheme *runtime.Scheme
	// fresh says that this run has made the workspace.
	fresh bool
}

func newInit(o Options) (*initializer, error) {
	if o.Parent == "" {
		o.Parent = "root"
	}
	if o.Workspace == "" {
		o.Workspace = "kube-bind"
	}
	if len(o.ProviderGroups) == 0 {
		o.ProviderGroups = []string{"system:authenticated"}
	}
	if o.CRDs == nil {
		var err error
		if o.CRDs, err = crds.Provider(); err != nil {
			return nil, fmt.Errorf("reading kube-bind's CRDs: %w", err)
		}
	}
	if o.Report == nil {
		o.Report = func(string, ...any) {}
	}
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), kcp.AddToScheme(scheme))
	return &initializer{opts: o, path: o.Parent + ":" + o.Workspace, scheme: scheme}, err
}

func (i *initializer) clientFor(workspace string) (client.Client, error) {
	cfg, err := kcp.ConfigFor(i.opts.Config, workspace)
	if err != nil {
		return nil, err
	}
	cfg.QPS = -1 // kcp's priority and fairness is the limiter
	c, err := client.New(cfg, client.Options{Scheme: i.scheme, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("making a client for the workspace %s: %w", workspace, err)
	}
	return c, nil
}

// mapper knows the kinds that kcp-init works with. Asking kcp for them would not end with the context.
func mapper() meta.RESTMapper {
	out := meta.NewDefaultRESTMapper(nil)
	for _, gvk := range []schema.GroupVersionKind{
		tenancyv1alpha1.SchemeGroupVersion.WithKind("Workspace"),
		tenancyv1alpha1.SchemeGroupVersion.WithKind("WorkspaceType"),
		apisv1alpha1.SchemeGroupVersion.WithKind("APIResourceSchema"),
		apisv1alpha1.SchemeGroupVersion.WithKind("APIExportEndpointSlice"),
		apisv1alpha2.SchemeGroupVersion.WithKind("APIExport"),
		apisv1alpha2.SchemeGroupVersion.WithKind("APIBinding"),
		corev1.SchemeGroupVersion.WithKind("Namespace"),
		rbacv1.SchemeGroupVersion.WithKind("ClusterRole"),
		rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"),
	} {
		out.Add(gvk, meta.RESTScopeRoot)
	}
	for _, gvk := range []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("Secret"),
		corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
		rbacv1.SchemeGroupVersion.WithKind("Role"),
		rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
	} {
		out.Add(gvk, meta.RESTScopeNamespace)
	}
	return out
}

// workspace makes kube-bind's own workspace, and waits until it is ready.
func (i *initializer) workspace(ctx context.Context) error {
	parent, err := i.clientFor(i.opts.Parent)
	if err != nil {
		return err
	}
	return i.until(ctx, "the workspace "+i.path+" to be ready", func(ctx context.Context) (string, error) {
		have := &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: i.opts.Workspace}}
		err := parent.Get(ctx, client.ObjectKeyFromObject(have), have)
		if apierrors.IsNotFound(err) {
			have.Spec.Type = &tenancyv1alpha1.WorkspaceTypeReference{Name: "universal", Path: "root"}
			if err = parent.Create(ctx, have, fieldOwner); err == nil {
				i.fresh = true
				i.opts.Report("made the workspace %s", i.path)
			}
		}
		if apierrors.IsForbidden(err) {
			return "", fmt.Errorf("making the workspace %s: %w; the user of the kubeconfig has to be an administrator of the workspace %s", i.path, err, i.opts.Parent)
		}
		if err != nil {
			return "", fmt.Errorf("making the workspace %s: %w", i.path, err)
		}
		if err := belongs("Workspace", have); err != nil {
			return "", err
		}
		if have.Status.Phase != corev1alpha1.LogicalClusterPhaseReady {
			return fmt.Sprintf("its phase is %q", have.Status.Phase), nil
		}
		return "", nil
	})
}

// tenancyHash returns the identity hash of kcp's own tenancy.kcp.io, by which kube-bind's workspace has bound it.
func (i *initializer) tenancyHash(ctx context.Context, own client.Client) (hash string, err error) {
	began := time.Now()
	err = i.until(ctx, "the identity of tenancy.kcp.io", func(ctx context.Context) (string, error) {
		var bindings apisv1alpha2.APIBindingList
		err := own.List(ctx, &bindings)
		if i.fresh && unsettled(err) && time.Since(began) < settling {
			return err.Error(), nil
		}
		if err != nil {
			return "", fmt.Errorf("reading what the workspace %s has bound: %w", i.path, err)
		}
		for _, b := range bindings.Items {
			for _, r := range b.Status.BoundResources {
				if r.Group == tenancyv1alpha1.SchemeGroupVersion.Group && r.Resource == "workspaces" {
					hash = r.Schema.IdentityHash
				}
			}
		}
		if hash == "" {
			return "the workspace " + i.path + " has not bound it", nil
		}
		return "", nil
	})
	return hash, err
}

// furnish applies everything in kube-bind's workspace.
func (i *initializer) furnish(ctx context.Context, own client.Client, claims []apisv1alpha2.PermissionClaim) error {
	objects, resources, err := schemas(i.opts.CRDs)
	if err != nil {
		return err
	}
	objects = append(objects, export(resources, claims), consumerType(i.path))
	objects = append(objects, identity(i.opts.BackendUser)...)
	objects = append(objects, rights(backend(i.opts.BackendUser), i.opts.ProviderGroups)...)
	for _, obj := range objects {
		if err := i.apply(ctx, own, obj); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until the APIExport can be bound.
func (i *initializer) ready(ctx context.Context, own client.Client) error {
	return i.until(ctx, "the APIExport "+kcp.ExportName+" to be ready", func(ctx context.Context) (string, error) {
		export := &apisv1alpha2.APIExport{}
		if err := own.Get(ctx, client.ObjectKey{Name: kcp.ExportName}, export); err != nil {
			return "", fmt.Errorf("reading the APIExport: %w", err)
		}
		if export.Status.IdentityHash == "" {
			return "it has no identity yet", nil
		}
		slice := &apisv1alpha1.APIExportEndpointSlice{}
		if err := own.Get(ctx, client.ObjectKey{Name: kcp.ExportName}, slice); apierrors.IsNotFound(err) {
			return "it has no endpoint slice yet", nil
		} else if err != nil {
			return "", fmt.Errorf("reading its endpoint slice: %w", err)
		}
		return "", nil
	})
}

// token waits for the backend's token.
func (i *initializer) token(ctx context.Context, own client.Client) (string, error) {
	secret := &corev1.Secret{}
	err := i.until(ctx, "the token of the ServiceAccount "+Account, func(ctx context.Context) (string, error) {
		if err := own.Get(ctx, client.ObjectKeyFromObject(tokenSecret()), secret); err != nil {
			return "", fmt.Errorf("reading its Secret: %w", err)
		}
		if len(secret.Data[corev1.ServiceAccountTokenKey]) == 0 {
			return "it is not made yet", nil
		}
		return "", nil
	})
	return string(secret.Data[corev1.ServiceAccountTokenKey]), err
}
