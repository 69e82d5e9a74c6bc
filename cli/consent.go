// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// consent shows what a template brings and takes, and asks.
func (b *binder) consent(ctx context.Context, spec *kubebindv1alpha2.APIServiceExportTemplateSpec, name string) error {
	if err := b.checkRefusals(spec); err != nil {
		return err
	}
	b.say("%s", strings.Join(terms(spec, name, b.refuse), "\n"))
	if b.dry() {
		b.say("Nothing is written to your cluster. The contract at the provider is made.")
	}
	return b.confirm(ctx, "")
}

// confirm asks the person at the terminal, unless --yes was given.
func (b *binder) confirm(ctx context.Context, question string) error {
	if b.yes {
		return nil
	}
	in, ok := b.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return exit(ExitDeclined, errors.New("nobody can be asked whether that is agreed to"), "Add --yes to agree.")
	}
	if question != "" {
		b.say("%s", question)
	}
	fmt.Fprint(b.ErrOut, "Do you agree? [y/N] ")
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
		return exit(ExitDeclined, errors.New("not agreed: nothing was done"), "")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// terms are what a template brings and takes, in words.
func terms(spec *kubebindv1alpha2.APIServiceExportTemplateSpec, name string, refused []string) []string {
	out := []string{fmt.Sprintf("Binding %s. The provider's APIs come to your cluster, and their objects go to the provider:", name)}
	for _, r := range spec.Resources {
		out = append(out, "  - "+r.ResourceGroupName())
	}
	if len(spec.PermissionClaims) > 0 {
		out = append(out, "The provider also asks to share:")
	}
	for i := range spec.PermissionClaims {
		claim := &spec.PermissionClaims[i]
		line := "  - " + claim.GroupResource.GroupResource().String() + " " + selected(&claim.Selector)
		if slices.Contains(refused, claim.GroupResource.GroupResource().String()) {
			line += " (refused by you)"
		}
		out = append(out, line)
	}
	if len(spec.Namespaces) > 0 {
		out = append(out, "These namespaces are made in your cluster:")
	}
	for _, ns := range spec.Namespaces {
		out = append(out, "  - "+ns.Name)
	}
	return out
}

// selected says which objects a claim means.
func selected(s *kubebindv1alpha2.Selector) string {
	var parts []string
	if s.LabelSelector != nil {
		if labels := metav1.FormatLabelSelector(s.LabelSelector); labels == "<none>" {
			parts = append(parts, "all")
		} else {
			parts = append(parts, "with the labels "+labels)
		}
	}
	for _, named := range s.NamedResources {
		where := "in every namespace"
		if named.Namespace != "" {
			where = "in namespace " + named.Namespace
		}
		parts = append(parts, fmt.Sprintf("called %s, %s", named.Name, where))
	}
	for _, ref := range s.References {
		path := ref.Resource
		if ref.JSONPath.Name != "" {
			path += " at " + ref.JSONPath.Name
		}
		parts = append(parts, "that are named in objects of "+path)
	}
	if len(parts) == 0 {
		return "(none is selected)"
	}
	return strings.Join(parts, ", or ")
}

// checkRefusals refuses to refuse what is not claimed: that is a typing error.
func (b *binder) checkRefusals(spec *kubebindv1alpha2.APIServiceExportTemplateSpec) error {
	for _, name := range b.refuse {
		if !slices.ContainsFunc(spec.PermissionClaims, func(c kubebindv1alpha2.PermissionClaim) bool { return c.GroupResource.GroupResource().String() == name }) {
			return usage("--refuse-claim=%s: the provider does not claim it", name)
		}
	}
	return nil
}

// refusals are the answers to claims that a binding gets.
func (b *binder) refusals(spec *kubebindv1alpha2.APIServiceExportRequestSpec) []kubebindv1alpha2.PermissionClaimConsent {
	var out []kubebindv1alpha2.PermissionClaimConsent
	for _, claim := range spec.PermissionClaims {
		if slices.Contains(b.refuse, claim.GroupResource.GroupResource().String()) {
			out = append(out, kubebindv1alpha2.PermissionClaimConsent{GroupResource: claim.GroupResource, State: kubebindv1alpha2.ConsentRefused})
		}
	}
	return out
}
