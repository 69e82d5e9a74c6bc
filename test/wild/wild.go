// SPDX-License-Identifier: Apache-2.0

package wild

import (
	"context"
	"errors"
	"fmt"
	"time"

	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	corev1alpha1 "github.com/kcp-dev/sdk/apis/core/v1alpha1"
	tenancyv1alpha1 "github.com/kcp-dev/sdk/apis/tenancy/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/multicluster-runtime/pkg/multicluster"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/providers/kcp"
)

const (
	// home is kube-bind's own workspace, below root.
	home = "kube-bind"
	// BackendUser is the backend.
	BackendUser = "kube-bind-backend"

	poll    = 50 * time.Millisecond
	timeout = time.Minute
)

// Wild is a kcp with kube-bind prepared in it.
type Wild struct {
	*controlplane.KCP
	// Prepared is what kcp-init has made.
	Prepared *kcpinit.Prepared
	// Scheme of all kinds.
	Scheme *runtime.Scheme
}

// Start starts a kcp and prepares it.
func Start(ctx context.Context, o controlplane.Options) (*Wild, error) {
	k, err := controlplane.StartKCP(ctx, o)
	if err != nil {
		return nil, err
	}
	w, err := Prepare(ctx, k, home)
	if err != nil {
		return nil, errors.Join(err, k.Stop())
	}
	return w, nil
}

// Prepare prepares a kcp for one more backend, which has the given workspace below root and an APIExport of its own.
func Prepare(ctx context.Context, k *controlplane.KCP, workspace string) (*Wild, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(
		clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), kubebindv1alpha2.AddToScheme(scheme), kcp.AddToScheme(scheme),
	); err != nil {
		return nil, err
	}
	prepared, err := kcpinit.Init(ctx, kcpinit.Options{Config: k.Config("root"), Workspace: workspace, BackendUser: BackendUser})
	if err != nil {
		return nil, fmt.Errorf("preparing kcp: %w", err)
	}
	return &Wild{KCP: k, Prepared: prepared, Scheme: scheme}, nil
}

// BackendKubeconfig is the backend's own.
func (w *Wild) BackendKubeconfig() ([]byte, error) {
	return w.UserKubeconfig(w.Prepared.Path, BackendUser)
}

// BackendConfig is BackendKubeconfig as a client uses it, without a client-side rate limit.
func (w *Wild) BackendConfig() (*rest.Config, error) {
	raw, err := w.BackendKubeconfig()
	if err != nil {
		return nil, err
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the backend's kubeconfig: %w", err)
	}
	cfg.QPS = -1
	return cfg, nil
}

// Client is an administrator's, without a cache, for a workspace by its path or the name of its logical cluster.
func (w *Wild) Client(workspace string) (client.Client, error) {
	return client.New(w.Config(workspace), client.Options{Scheme: w.Scheme})
}

// Provider is a workspace that binds kube-bind's API.
type Provider struct {
	// Client is an administrator's.
	client.Client
	// Path of the workspace.
	Path string
	// Cluster is the name of its logical cluster.
	Cluster multicluster.ClusterName
}

// NewProvider makes a workspace below root that binds kube-bind's API with all claims but those of the given resources.
func (w *Wild) NewProvider(ctx context.Context, name string, without ...string) (*Provider, error) {
	cluster, err := w.NewWorkspace(ctx, "root", name)
	if err != nil {
		return nil, err
	}
	out := &Provider{Path: "root:" + name, Cluster: multicluster.ClusterName(cluster)}
	if out.Client, err = w.Client(cluster); err != nil {
		return nil, err
	}
	return out, w.Join(ctx, out, without...)
}

// Join has a provider's workspace bind kube-bind's API, and waits until it has.
func (w *Wild) Join(ctx context.Context, p *Provider, without ...string) error {
	binding := &apisv1alpha2.APIBinding{ObjectMeta: metav1.ObjectMeta{Name: kcp.ExportName}}
	binding.Spec.Reference.Export = &apisv1alpha2.ExportBindingReference{Path: w.Prepared.Path, Name: kcp.ExportName}
	for _, claim := range kcpinit.Accepted(w.Prepared.Claims) {
		for _, resource := range without {
			if claim.Resource == resource {
				claim.State = apisv1alpha2.ClaimRejected
			}
		}
		binding.Spec.PermissionClaims = append(binding.Spec.PermissionClaims, claim)
	}
	return Bind(ctx, p.Client, binding)
}

// Bind creates an APIBinding, and waits until it is bound.
func Bind(ctx context.Context, c client.Client, binding *apisv1alpha2.APIBinding) error {
	return until(ctx, "binding the APIExport "+binding.Spec.Reference.Export.Name, func(ctx context.Context) error {
		if err := client.IgnoreAlreadyExists(c.Create(ctx, binding.DeepCopy())); err != nil {
			return err
		}
		have := &apisv1alpha2.APIBinding{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(binding), have); err != nil {
			return err
		}
		if have.Status.Phase != apisv1alpha2.APIBindingPhaseBound {
			return fmt.Errorf("its phase is %q: %v", have.Status.Phase, have.Status.Conditions)
		}
		return nil
	})
}

// NewWorkspace makes a workspace, waits until it is ready, and returns the name of its logical cluster.
func (w *Wild) NewWorkspace(ctx context.Context, parent, name string) (cluster string, err error) {
	c, err := w.Client(parent)
	if err != nil {
		return "", err
	}
	ws := &tenancyv1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	ws.Spec.Type = &tenancyv1alpha1.WorkspaceTypeReference{Name: "universal", Path: "root"}
	if err := client.IgnoreAlreadyExists(c.Create(ctx, ws.DeepCopy())); err != nil {
		return "", fmt.Errorf("making the workspace %s: %w", name, err)
	}
	err = until(ctx, "making the workspace "+name, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(ws), ws); err != nil {
			return err
		}
		if ws.Status.Phase != corev1alpha1.LogicalClusterPhaseReady {
			return fmt.Errorf("its phase is %q", ws.Status.Phase)
		}
		return nil
	})
	return ws.Spec.Cluster, err
}

// Export has a provider's workspace export the API of a CRD, by an APIExport of the CRD's name which claims ConfigMaps, and
// offer it by a template of its plural's name.
func (p *Provider) Export(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, claims ...apisv1alpha2.PermissionClaim) error {
	schema, err := kcpinit.Schema(crd)
	if err != nil {
		return err
	}
	schema.Labels = map[string]string{kubebindv1alpha2.ExportedLabel: kubebindv1alpha2.Exported}
	export := &apisv1alpha2.APIExport{ObjectMeta: metav1.ObjectMeta{Name: crd.Name}}
	export.Spec.Resources = []apisv1alpha2.ResourceSchema{kcpinit.Resource(schema)}
	export.Spec.PermissionClaims = claims
	for _, obj := range []client.Object{schema, export, Template(crd)} {
		if err := client.IgnoreAlreadyExists(p.Create(ctx, obj)); err != nil {
			return fmt.Errorf("exporting %s: %w", crd.Name, err)
		}
	}
	return nil
}

// Template offers the API of a CRD, by its plural's name.
func Template(crd *apiextensionsv1.CustomResourceDefinition) *kubebindv1alpha2.APIServiceExportTemplate {
	return &kubebindv1alpha2.APIServiceExportTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: crd.Spec.Names.Plural},
		Spec: kubebindv1alpha2.APIServiceExportTemplateSpec{
			Scope: kubebindv1alpha2.InformerScope(crd.Spec.Scope),
			Resources: []kubebindv1alpha2.ExportedResource{{
				GroupResource: kubebindv1alpha2.GroupResource{Group: crd.Spec.Group, Resource: crd.Spec.Names.Plural},
			}},
		},
	}
}

// until repeats what kcp does not allow or know yet.
func until(ctx context.Context, what string, try func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, poll, timeout, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w: %w", what, err, last)
	}
	return nil
}

// NoMatch tells whether an API is not served.
func NoMatch(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }
