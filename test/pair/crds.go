// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"encoding/json"
	"fmt"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/providers/kcp"
)

// crds shows the APIs that a provider's workspace exports as CRDs: each is an APIExport of the CRD's name, with one
// APIResourceSchema. A schema cannot be changed, so that a changed CRD is a further one.
type crds struct{ client.Client }

// schemaLabels are those of a CRD that count for the schema.
func schemaLabels(crd *apiextensionsv1.CustomResourceDefinition) map[string]string {
	out := map[string]string{}
	if value, found := crd.Labels[kubebindv1alpha2.ExportedLabel]; found {
		out[kubebindv1alpha2.ExportedLabel] = value
	}
	return out
}

// recode turns one Go type of an object into another.
func recode(from, to any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encoding an object: %w", err)
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("reading an object: %w", err)
	}
	return nil
}

// put makes the schema of a CRD, and returns how an APIExport names it.
func (c *crds) put(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) (apisv1alpha2.ResourceSchema, error) {
	schema, err := kcpinit.Schema(crd)
	if err != nil {
		return apisv1alpha2.ResourceSchema{}, err
	}
	schema.Labels, schema.Annotations = schemaLabels(crd), crd.Annotations
	err = c.Client.Create(ctx, schema)
	if client.IgnoreAlreadyExists(err) != nil {
		return apisv1alpha2.ResourceSchema{}, err
	}
	if err != nil {
		have := &apisv1alpha1.APIResourceSchema{}
		if err := c.Client.Get(ctx, client.ObjectKeyFromObject(schema), have); err != nil {
			return apisv1alpha2.ResourceSchema{}, err
		}
		have.Labels = schema.Labels
		if err := c.Client.Update(ctx, have); err != nil {
			return apisv1alpha2.ResourceSchema{}, err
		}
	}
	return kcpinit.Resource(schema), nil
}

// Create implements client.Client.
func (c *crds) Create(ctx context.Context, o client.Object, _ ...client.CreateOption) error {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := recode(o, crd); err != nil {
		return err
	}
	resource, err := c.put(ctx, crd)
	if err != nil {
		return err
	}
	export := &apisv1alpha2.APIExport{ObjectMeta: metav1.ObjectMeta{Name: crd.Name}}
	export.Spec.Resources = []apisv1alpha2.ResourceSchema{resource}
	return c.Client.Create(ctx, export)
}

// Update implements client.Client. It fails if the APIExport is another one since the CRD was read.
func (c *crds) Update(ctx context.Context, o client.Object, _ ...client.UpdateOption) error {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := recode(o, crd); err != nil {
		return err
	}
	export := &apisv1alpha2.APIExport{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: crd.Name}, export); err != nil {
		return err
	}
	resource, err := c.put(ctx, crd)
	if err != nil {
		return err
	}
	export.ResourceVersion, export.Spec.Resources = crd.ResourceVersion, []apisv1alpha2.ResourceSchema{resource}
	return c.Client.Update(ctx, export)
}

// Apply implements client.Client.
func (c *crds) Apply(ctx context.Context, o runtime.ApplyConfiguration, _ ...client.ApplyOption) error {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := recode(o, crd); err != nil {
		return err
	}
	have := &apiextensionsv1.CustomResourceDefinition{}
	err := c.Get(ctx, client.ObjectKey{Name: crd.Name}, have)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil {
		return c.Create(ctx, crd)
	}
	crd.ResourceVersion = have.ResourceVersion
	return c.Update(ctx, crd)
}

// Get implements client.Client.
func (c *crds) Get(ctx context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	export := &apisv1alpha2.APIExport{}
	if err := c.Client.Get(ctx, key, export); err != nil {
		return err
	}
	schema := &apisv1alpha1.APIResourceSchema{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: export.Spec.Resources[0].Schema}, schema); err != nil {
		return err
	}
	crd, err := kcp.CRDOf(schema)
	if err != nil {
		return err
	}
	crd.TypeMeta = metav1.TypeMeta{APIVersion: apiextensionsv1.SchemeGroupVersion.String(), Kind: "CustomResourceDefinition"}
	crd.UID, crd.ResourceVersion, crd.Labels = export.UID, export.ResourceVersion, schema.Labels
	return recode(crd, o)
}

// Delete implements client.Client.
func (c *crds) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	export := &apisv1alpha2.APIExport{}
	if err := c.Client.Get(ctx, client.ObjectKeyFromObject(o), export); err != nil {
		return err
	}
	if err := c.Client.Delete(ctx, export, opts...); err != nil {
		return err
	}
	for _, r := range export.Spec.Resources {
		if err := c.Client.Delete(ctx, &apisv1alpha1.APIResourceSchema{ObjectMeta: metav1.ObjectMeta{Name: r.Schema}}); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// SubResource implements client.Client.
func (c *crds) SubResource(name string) client.SubResourceClient {
	return &crdStatus{c.Client.SubResource(name)}
}

// Status implements client.Client.
func (c *crds) Status() client.SubResourceWriter { return c.SubResource("status") }

// crdStatus is for what a provider says in a CRD's status: which versions are stored. kcp finds that out by itself.
type crdStatus struct{ client.SubResourceClient }

// Update implements client.SubResourceClient.
func (*crdStatus) Update(context.Context, client.Object, ...client.SubResourceUpdateOption) error {
	return nil
}
