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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"kube-bind.io/kube-bind/providers/kcp"
)

// fieldOwner owns what kcp-init applies.
const fieldOwner = client.FieldOwner("kcp-init")

// poll is how often something is looked at that kcp has to do.
const poll = 200 * time.Millisecond

// Options say what to prepare.
type Options struct {
	// Config reaches kcp as somebody who may do everything in Parent. The path of its host does not matter. Required.
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

// Init prepares a kcp. It may be repeated, and waits for kcp as long as ctx lasts.
func Init(ctx context.Context, o Options) (*Prepared, error) {
	i, err := newInit(o)
	if err != nil {
		return nil, err
	}
	out := &Prepared{Path: i.path}
	parent, err := i.clientFor(i.opts.Parent)
	if err != nil {
		return nil, err
	}
	hash, err := i.tenancyHash(ctx)
	if err != nil {
		return nil, err
	}
	out.Claims = Claims(hash)
	if err := i.workspace(ctx, parent); err != nil {
		return nil, err
	}
	own, err := i.clientFor(i.path)
	if err != nil {
		return nil, err
	}
	if err := i.furnish(ctx, own, hash); err != nil {
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
	c, err := client.New(cfg, client.Options{Scheme: i.scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client for the workspace %s: %w", workspace, err)
	}
	return c, nil
}

// tenancyHash returns the identity hash of kcp's own tenancy.kcp.io.
func (i *initializer) tenancyHash(ctx context.Context) (string, error) {
	root, err := i.clientFor("root")
	if err != nil {
		return "", err
	}
	export := &apisv1alpha2.APIExport{}
	if err := root.Get(ctx, client.ObjectKey{Name: "tenancy.kcp.io"}, export); err != nil {
		return "", fmt.Errorf("reading the APIExport tenancy.kcp.io in the workspace root: %w", err)
	}
	if export.Status.IdentityHash == "" {
		return "", errors.New("the APIExport tenancy.kcp.io in the workspace root has no identity hash yet; is this kcp ready?")
	}
	return export.Status.IdentityHash, nil
}

// workspace makes kube-bind's own workspace, and waits until it is ready.
func (i *initializer) workspace(ctx context.Context, parent client.Client) error {
	ws := &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: i.opts.Workspace}}
	ws.Spec.Type = &tenancyv1alpha1.WorkspaceTypeReference{Name: "universal", Path: "root"}
	err := parent.Create(ctx, ws, fieldOwner)
	if err == nil {
		i.opts.Report("made the workspace %s", i.path)
	} else if !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("making the workspace %s: %w", i.path, err)
	}
	return i.until(ctx, "the workspace "+i.path+" to be ready", func(ctx context.Context) (string, error) {
		have := &tenancyv1alpha1.Workspace{}
		if err := parent.Get(ctx, client.ObjectKeyFromObject(ws), have); err != nil {
			return "", fmt.Errorf("reading the workspace %s: %w", i.path, err)
		}
		if have.Status.Phase != corev1alpha1.LogicalClusterPhaseReady {
			return fmt.Sprintf("its phase is %q", have.Status.Phase), nil
		}
		return "", nil
	})
}

// furnish applies everything in kube-bind's workspace.
func (i *initializer) furnish(ctx context.Context, own client.Client, hash string) error {
	objects, resources, err := schemas()
	if err != nil {
		return err
	}
	objects = append(objects, export(resources, hash), consumerType(i.path))
	objects = append(objects, identity(i.opts.BackendUser)...)
	objects = append(objects, rights(backend(i.opts.BackendUser), i.opts.ProviderGroups)...)
	for _, obj := range objects {
		if err := i.apply(ctx, own, obj); err != nil {
			return err
		}
	}
	return nil
}

// apply makes an object what it should be. A new workspace needs a moment until all its rights and APIs are there.
func (i *initializer) apply(ctx context.Context, c client.Client, obj client.Object) error {
	gvk, err := apiutil.GVKForObject(obj, i.scheme)
	if err != nil {
		return fmt.Errorf("applying %T: %w", obj, err)
	}
	what := gvk.Kind + " " + obj.GetName()
	raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return fmt.Errorf("encoding the %s: %w", what, err)
	}
	return i.until(ctx, "the "+what+" to be taken", func(ctx context.Context) (string, error) {
		before, err := version(ctx, c, obj)
		if err == nil {
			err = applyRaw(ctx, c, gvk, raw)
		}
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return err.Error(), nil
		}
		if err != nil {
			return "", fmt.Errorf("applying the %s: %w", what, err)
		}
		after, err := version(ctx, c, obj)
		if err == nil && after != before {
			i.opts.Report("applied the %s in %s", what, i.path)
		}
		return "", err
	})
}

// until waits until check has nothing more to complain about, or ctx ends, and then says what the last complaint was.
func (i *initializer) until(ctx context.Context, what string, check func(context.Context) (string, error)) error {
	var complaint string
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		var err error
		complaint, err = check(ctx)
		return err == nil && complaint == "", err
	})
	if err != nil && complaint != "" {
		return fmt.Errorf("waiting for %s: %w: %s", what, err, complaint)
	}
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
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
