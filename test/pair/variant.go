// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"fmt"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// Variant is the CRD of the example API under another plural, and what its kind is then called. Everything that is
// counted of it is one test's own.
func Variant(ctx context.Context, plural string) (crd []byte, kind string, err error) {
	file, err := Example(ctx, "crd-cowboys.yaml")
	if err != nil {
		return nil, "", err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	singular := strings.TrimSuffix(plural, "s")
	kind = strings.ToUpper(singular[:1]) + singular[1:]
	return []byte(strings.NewReplacer("cowboys", plural, "Cowboy", kind, "cowboy", singular).Replace(string(data))), kind, nil
}

// OfferVariant lets the provider have a Variant, and a template of its plural's name for it.
func (p *Pair) OfferVariant(ctx context.Context, plural string) (kind string, err error) {
	crd, kind, err := Variant(ctx, plural)
	if err != nil {
		return "", err
	}
	if err := p.Provider.ApplyYAML(ctx, crd); err != nil {
		return "", fmt.Errorf("applying the CRD %s: %w", plural, err)
	}
	template := &kubebindv1alpha2.APIServiceExportTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: plural},
		Spec: kubebindv1alpha2.APIServiceExportTemplateSpec{
			Scope:     kubebindv1alpha2.NamespacedScope,
			Resources: []kubebindv1alpha2.ExportedResource{{GroupResource: kubebindv1alpha2.GroupResource{Group: "wildwest.dev", Resource: plural}}},
		},
	}
	return kind, p.Provider.Client.Create(ctx, template)
}

// BindVariant is OfferVariant, and Bind under the plural's name.
func (p *Pair) BindVariant(ctx context.Context, plural string) (kind string, err error) {
	kind, err = p.OfferVariant(ctx, plural)
	if err != nil {
		return "", err
	}
	_, err = p.Bind(ctx, plural, plural)
	return kind, err
}
