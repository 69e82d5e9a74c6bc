// SPDX-License-Identifier: Apache-2.0

package http

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/reply"
)

// templates lists what somebody may bind.
func (d *Door) templates(w http.ResponseWriter, r *http.Request, v visit) error {
	found, err := d.offered(r.Context(), v)
	if err != nil {
		return err
	}
	reply.JSON(w, r, &kubebindv1alpha2.APIServiceExportTemplateList{
		TypeMeta: metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "APIServiceExportTemplateList"},
		Items:    found,
	})
	return nil
}

// offered are the templates that somebody may bind, by name.
func (d *Door) offered(ctx context.Context, v visit) ([]kubebindv1alpha2.APIServiceExportTemplate, error) {
	var all kubebindv1alpha2.APIServiceExportTemplateList
	if err := v.scope.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("listing the templates: %w", err)
	}
	everything, err := d.access.MayBind(ctx, v.scope, v.Session, "")
	if err != nil {
		return nil, err
	}
	out := []kubebindv1alpha2.APIServiceExportTemplate{}
	for i := range all.Items {
		template := &all.Items[i]
		allowed := everything
		if !allowed {
			if allowed, err = d.access.MayBind(ctx, v.scope, v.Session, template.Name); err != nil {
				return nil, err
			}
		}
		if allowed {
			clean(template)
			out = append(out, *template)
		}
	}
	slices.SortFunc(out, func(a, b kubebindv1alpha2.APIServiceExportTemplate) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// collections lists collections with those of their templates that somebody may bind, and leaves out the empty ones.
func (d *Door) collections(w http.ResponseWriter, r *http.Request, v visit) error {
	offered, err := d.offered(r.Context(), v)
	if err != nil {
		return err
	}
	found, err := collected(r.Context(), v, offered)
	if err != nil {
		return err
	}
	reply.JSON(w, r, &kubebindv1alpha2.CollectionList{
		TypeMeta: metav1.TypeMeta{APIVersion: kubebindv1alpha2.GroupVersion.String(), Kind: "CollectionList"},
		Items:    found,
	})
	return nil
}

// collected are the collections of the templates that somebody may bind, by name.
func collected(ctx context.Context, v visit, offered []kubebindv1alpha2.APIServiceExportTemplate) ([]kubebindv1alpha2.Collection, error) {
	var all kubebindv1alpha2.CollectionList
	if err := v.scope.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("listing the collections: %w", err)
	}
	out := []kubebindv1alpha2.Collection{}
	for i := range all.Items {
		collection := &all.Items[i]
		named := len(collection.Spec.Templates)
		collection.Spec.Templates = slices.DeleteFunc(slices.Clone(collection.Spec.Templates), func(ref kubebindv1alpha2.TemplateReference) bool {
			return !slices.ContainsFunc(offered, func(t kubebindv1alpha2.APIServiceExportTemplate) bool { return t.Name == ref.Name })
		})
		if left := len(collection.Spec.Templates); left > 0 {
			clean(collection)
			if left < named {
				// Conditions name templates, those that were left out too.
				collection.Status = kubebindv1alpha2.CollectionStatus{}
			}
			out = append(out, *collection)
		}
	}
	slices.SortFunc(out, func(a, b kubebindv1alpha2.Collection) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// clean leaves out what is only the provider's.
func clean(o metav1.Object) {
	o.SetManagedFields(nil)
	annotations := o.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	if len(annotations) == 0 {
		o.SetAnnotations(nil)
	}
}
