// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Apply is a server-side apply. Fields that somebody else has taken over are theirs to decide on: it is a ForeignError that names
// them.
func (i *Installer) Apply(ctx context.Context, object client.Object) error {
	kind := object.GetObjectKind().GroupVersionKind().Kind
	content, err := Content(object)
	if err != nil {
		return err
	}
	err = i.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content}), i.Owner)
	if apierrors.IsConflict(err) {
		return &ForeignError{Message: fmt.Sprintf("the %s %s was changed by somebody else: %v", kind, object.GetName(), err)}
	}
	if err != nil {
		return fmt.Errorf("applying the %s %s: %w", kind, object.GetName(), err)
	}
	return nil
}

// Content is an object as it is written: without what only servers say.
func Content(object client.Object) (map[string]any, error) {
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("encoding the %s %s: %w", object.GetObjectKind().GroupVersionKind().Kind, object.GetName(), err)
	}
	unstructured.RemoveNestedField(out, "status")
	unstructured.RemoveNestedField(out, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(out, "spec", "template", "metadata", "creationTimestamp")
	if _, collects := out["aggregationRule"]; collects {
		// A controller of the API server's fills in the rules: who applies them is in its way.
		delete(out, "rules")
	}
	return out, nil
}
