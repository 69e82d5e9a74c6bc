// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/backend/catalog"
	"kube-bind.io/kube-bind/backend/loop"
)

// Register adds the controllers of templates and of collections to the fleet.
//
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexporttemplates;collections,verbs=get;list;watch
// +kubebuilder:rbac:groups=kube-bind.io,resources=apiserviceexporttemplates/status;collections/status,verbs=get;patch;update
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get;list;watch
func Register(fleet loop.Fleet, terms catalog.Terms) error {
	r := &reconciler{fleet: fleet, terms: terms}
	err := loop.Register(fleet, loop.Controller[*kubebindv1alpha2.APIServiceExportTemplate]{
		Name:      "template",
		Reconcile: r.reconcile,
		Fail:      showError(kubebindv1alpha2.ConditionResourcesFound),
		Ready:     loop.ReadyOf[*kubebindv1alpha2.APIServiceExportTemplate],
		Watches:   fleet.SchemaWatches(usersOf),
	})
	if err != nil {
		return err
	}
	return loop.Register(fleet, loop.Controller[*kubebindv1alpha2.Collection]{
		Name:      "collection",
		Reconcile: reconcileCollection,
		Fail: func(c *kubebindv1alpha2.Collection, reason, message string) {
			show(c, kubebindv1alpha2.ConditionTemplatesFound, reason, message)
		},
		Ready:   loop.ReadyOf[*kubebindv1alpha2.Collection],
		Watches: []loop.Watch{{Object: &kubebindv1alpha2.APIServiceExportTemplate{}, Keys: collectionsOf}},
	})
}

type reconciler struct {
	fleet loop.Fleet
	terms catalog.Terms
}

func (r *reconciler) reconcile(ctx context.Context, scope loop.Scope, template *kubebindv1alpha2.APIServiceExportTemplate) (time.Duration, error) {
	sources, err := r.fleet.Schemas(ctx, scope, template.Spec.Resources)
	if err != nil {
		return 0, err
	}
	judge(template, sources, r.terms)
	return 0, nil
}

func reconcileCollection(ctx context.Context, scope loop.Scope, collection *kubebindv1alpha2.Collection) (time.Duration, error) {
	templates := map[string]*kubebindv1alpha2.APIServiceExportTemplate{}
	for _, ref := range collection.Spec.Templates {
		template := &kubebindv1alpha2.APIServiceExportTemplate{}
		if err := scope.Get(ctx, client.ObjectKey{Name: ref.Name}, template); err == nil {
			templates[ref.Name] = template
		} else if !apierrors.IsNotFound(err) {
			return 0, fmt.Errorf("reading the template %s: %w", ref.Name, err)
		}
	}
	judgeCollection(collection, templates)
	return 0, nil
}

func showError(condition string) func(*kubebindv1alpha2.APIServiceExportTemplate, string, string) {
	return func(t *kubebindv1alpha2.APIServiceExportTemplate, reason, message string) {
		show(t, condition, reason, message)
	}
}

func show(obj kubebindv1alpha2.Conditioned, condition, reason, message string) {
	conditions := obj.GetConditions()
	kubebindv1alpha2.SetCondition(&conditions, kubebindv1alpha2.FalseCondition(condition, reason, kubebindv1alpha2.SeverityWarning, message))
	kubebindv1alpha2.SetSummary(&conditions)
	obj.SetConditions(conditions)
}

// usersOf returns the templates that are about resources.
func usersOf(ctx context.Context, scope loop.Scope, about func([]kubebindv1alpha2.ExportedResource) bool) ([]loop.Key, error) {
	var list kubebindv1alpha2.APIServiceExportTemplateList
	if err := scope.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing templates: %w", err)
	}
	var out []types.NamespacedName
	for i := range list.Items {
		if about(list.Items[i].Spec.Resources) {
			out = append(out, client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
	return out, nil
}

// collectionsOf returns the collections that a template is in.
func collectionsOf(ctx context.Context, scope loop.Scope, template client.Object) ([]types.NamespacedName, error) {
	var list kubebindv1alpha2.CollectionList
	if err := scope.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing collections: %w", err)
	}
	var out []types.NamespacedName
	for i := range list.Items {
		for _, ref := range list.Items[i].Spec.Templates {
			if ref.Name == template.GetName() {
				out = append(out, client.ObjectKeyFromObject(&list.Items[i]))
				break
			}
		}
	}
	return out, nil
}
