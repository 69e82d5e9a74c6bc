// SPDX-License-Identifier: Apache-2.0

package kcpinit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apisv1alpha1 "github.com/kcp-dev/sdk/apis/apis/v1alpha1"
	apisv1alpha2 "github.com/kcp-dev/sdk/apis/apis/v1alpha2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/providers/kcp"
)

const backendUser = "kube-bind-backend"

// A kcp with nothing in it gets what providers bind; the second time nothing is written at all.
func TestFreshAndRepeated(t *testing.T) {
	t.Parallel()
	o := kcpinit.Options{Workspace: "fresh", BackendUser: backendUser}
	prepared, reported := prepare(t, o)
	if prepared.Path != "root:fresh" || prepared.Token != "" {
		t.Errorf("prepared %+v", prepared)
	}
	if len(reported) == 0 || reported[0] != "made the workspace root:fresh" {
		t.Errorf("reported %q", reported)
	}
	_, provider := newWorkspace(t, "fresh-provider")
	bind(t, provider, prepared)
	all, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range all {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: crd.Spec.Group, Version: "v1alpha2", Kind: crd.Spec.Names.ListKind})
		eventually(t, crd.Spec.Names.Plural+" in a provider's workspace", func(ctx context.Context) error { return provider.List(ctx, list) })
	}

	before := calm(t, prepared.Path)
	counted := &writes{}
	o.Config = world.kcp.Config("root")
	o.Config.Wrap(counted.through)
	again, reported := prepare(t, o)
	if len(counted.seen) > 0 || len(reported) > 0 {
		t.Errorf("repeated, it writes %q and reports %q", counted.seen, reported)
	}
	if after := snapshot(t, prepared.Path); !maps.Equal(before, after) {
		t.Errorf("repeated, it changes\n%v\nto\n%v", before, after)
	}
	if len(again.Claims) != len(prepared.Claims) || again.Path != prepared.Path {
		t.Errorf("repeated, it returns %+v", again)
	}
}

// calm waits until kcp's controllers are done in a workspace.
func calm(t *testing.T, workspace string) map[string]string {
	t.Helper()
	var last map[string]string
	same := 0
	eventually(t, workspace+" to be calm", func(context.Context) error {
		now := snapshot(t, workspace)
		if maps.Equal(now, last) {
			same++
		} else {
			same = 0
		}
		if last = now; same < 5 {
			return fmt.Errorf("the same %d times", same)
		}
		return nil
	})
	return last
}

// What somebody has changed is put back, and reported.
func TestDrift(t *testing.T) {
	t.Parallel()
	o := kcpinit.Options{Workspace: "drift", BackendUser: backendUser}
	prepared, _ := prepare(t, o)
	own := admin(t, prepared.Path)
	export := &apisv1alpha2.APIExport{}
	if err := own.Get(t.Context(), client.ObjectKey{Name: kcp.ExportName}, export); err != nil {
		t.Fatal(err)
	}
	wanted := export.Spec.PermissionClaims
	export.Spec.PermissionClaims = export.Spec.PermissionClaims[1:]
	export.Labels = map[string]string{"somebody": "else"}
	if err := own.Update(t.Context(), export); err != nil {
		t.Fatal(err)
	}
	_, reported := prepare(t, o)
	if !slices.Equal(reported, []string{"applied the APIExport kube-bind.io in root:drift"}) {
		t.Errorf("reported %q", reported)
	}
	if err := own.Get(t.Context(), client.ObjectKey{Name: kcp.ExportName}, export); err != nil {
		t.Fatal(err)
	}
	if len(export.Spec.PermissionClaims) != len(wanted) || export.Labels["somebody"] != "else" {
		t.Errorf("there are %d claims of %d, and labels %v", len(export.Spec.PermissionClaims), len(wanted), export.Labels)
	}
}

// A newer version brings a newer schema: the APIExport follows, and so do bindings that are there. The old schema stays.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	all, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	old := older(t, all)
	o := kcpinit.Options{Workspace: "upgrade", BackendUser: backendUser, CRDs: old}
	prepared, _ := prepare(t, o)
	_, provider := newWorkspace(t, "upgrade-provider")
	bind(t, provider, prepared)
	eventually(t, "a Collection", func(ctx context.Context) error { return collection(ctx, provider, "before", "of no use yet") })
	if got := description(t, provider, "before"); got != "" {
		t.Fatalf("the older schema keeps the description %q", got)
	}

	o.CRDs = nil
	_, reported := prepare(t, o)
	now := schemaNamed(t, all)
	want := []string{"applied the APIResourceSchema " + now + " in root:upgrade", "applied the APIExport kube-bind.io in root:upgrade"}
	if !slices.Equal(reported, want) {
		t.Errorf("reported %q, not %q", reported, want)
	}
	eventually(t, "the new field to be served", func(ctx context.Context) error {
		binding := &apisv1alpha2.APIBinding{}
		if err := provider.Get(ctx, client.ObjectKey{Name: kcp.ExportName}, binding); err != nil {
			return err
		}
		if !slices.ContainsFunc(binding.Status.BoundResources, func(r apisv1alpha2.BoundAPIResource) bool { return r.Schema.Name == now }) {
			return fmt.Errorf("the binding does not follow: %+v", binding.Status.BoundResources)
		}
		// An administrator writes it anew, until it is kept.
		obj := &unstructured.Unstructured{}
		obj.SetGroupVersionKind(collectionKind())
		if err := provider.Get(ctx, client.ObjectKey{Name: "before"}, obj); err != nil {
			return err
		}
		if err := unstructured.SetNestedField(obj.Object, "a new field", "spec", "description"); err != nil {
			return err
		}
		if err := provider.Update(ctx, obj); err != nil {
			return err
		}
		if got, _, _ := unstructured.NestedString(obj.Object, "spec", "description"); got != "a new field" {
			return errors.New("the new field is pruned")
		}
		return nil
	})
	own := admin(t, prepared.Path)
	if err := own.Get(t.Context(), client.ObjectKey{Name: schemaNamed(t, old)}, &apisv1alpha1.APIResourceSchema{}); err != nil {
		t.Errorf("the old schema: %v", err)
	}

	// And back, as who has to return to an older version does.
	o.CRDs = old
	if _, reported = prepare(t, o); !slices.Equal(reported, want[1:]) {
		t.Errorf("going back, it reported %q, not %q", reported, want[1:])
	}
}

func collectionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "kube-bind.io", Version: "v1alpha2", Kind: "Collection"}
}

// older are CRDs of a version in which Collections had no description.
func older(t *testing.T, all []*apiextensionsv1.CustomResourceDefinition) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	var out []*apiextensionsv1.CustomResourceDefinition
	found := false
	for _, crd := range all {
		crd = crd.DeepCopy()
		if crd.Spec.Names.Kind == "Collection" {
			for i := range crd.Spec.Versions {
				spec := crd.Spec.Versions[i].Schema.OpenAPIV3Schema.Properties["spec"]
				if _, found = spec.Properties["description"]; !found {
					t.Fatal("Collections have no description: choose another field")
				}
				delete(spec.Properties, "description")
			}
		}
		out = append(out, crd)
	}
	if !found {
		t.Fatal("there are no Collections")
	}
	return out
}

// schemaNamed is the name of the schema of Collections.
func schemaNamed(t *testing.T, all []*apiextensionsv1.CustomResourceDefinition) string {
	t.Helper()
	i := slices.IndexFunc(all, func(crd *apiextensionsv1.CustomResourceDefinition) bool { return crd.Spec.Names.Kind == "Collection" })
	s, err := kcpinit.Schema(all[i])
	if err != nil {
		t.Fatal(err)
	}
	return s.Name
}

func collection(ctx context.Context, c client.Client, name, description string) error {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"description": description, "templates": []any{map[string]any{"name": "some"}}},
	}}
	obj.SetGroupVersionKind(collectionKind())
	obj.SetName(name)
	return c.Create(ctx, obj)
}

func description(t *testing.T, c client.Client, name string) string {
	t.Helper()
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(collectionKind())
	if err := c.Get(t.Context(), client.ObjectKey{Name: name}, obj); err != nil {
		t.Fatal(err)
	}
	out, _, _ := unstructured.NestedString(obj.Object, "spec", "description")
	return out
}

// Only members of the groups that are named may bind kube-bind's API.
func TestProviderGroups(t *testing.T) {
	t.Parallel()
	prepared, _ := prepare(t, kcpinit.Options{Workspace: "groups", BackendUser: backendUser, ProviderGroups: []string{"teams", "partners"}})
	path, _ := newWorkspace(t, "groups-provider")
	for name, tc := range map[string]struct {
		groups []string
		may    bool
	}{
		"a team's":    {[]string{"teams"}, true},
		"a partner's": {[]string{"partners"}, true},
		"anybody":     {nil, false},
		"a stranger":  {[]string{"strangers"}, false},
	} {
		// In the provider's workspace they may do everything.
		name = strings.ReplaceAll(name, "'", "") + "-groups"
		allow(t, path, name, "cluster-admin")
		theirs := clientFor(t, user(t, path, name, tc.groups...))
		eventually(t, name, func(ctx context.Context) error {
			binding := newBinding(prepared)
			err := theirs.Create(ctx, binding, client.DryRunAll)
			switch {
			case tc.may:
				return err
			case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "no permission to bind"):
				return nil
			}
			return fmt.Errorf("who may not bind it is answered with %v", err) //nolint:errorlint // It may be none.
		})
	}
	if got := subjects(t, prepared.Path); !slices.Equal(got, []string{"partners", "teams"}) {
		t.Errorf("those who may bind are %v", got)
	}
}

// allow gives somebody a role in a workspace.
func allow(t *testing.T, workspace, name, role string) {
	t.Helper()
	err := admin(t, workspace).Create(t.Context(), binding(strings.ReplaceAll(name, " ", "-"), name, role))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

func subjects(t *testing.T, workspace string) []string {
	t.Helper()
	var out []string
	b := binding(kcpinit.BindersRole, "", "")
	if err := admin(t, workspace).Get(t.Context(), client.ObjectKeyFromObject(b), b); err != nil {
		t.Fatal(err)
	}
	for _, s := range b.Subjects {
		out = append(out, s.Name)
	}
	slices.Sort(out)
	return out
}
