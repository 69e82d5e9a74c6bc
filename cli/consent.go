// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/install"
)

// consent shows what a template brings and takes, and asks.
func (b *binder) consent(ctx context.Context, spec *kubebindv1alpha2.APIServiceExportTemplateSpec, name string) error {
	if err := b.checkRefusals(spec); err != nil {
		return err
	}
	if err := b.deployable(ctx); err != nil {
		return err
	}
	have, err := b.existing(ctx, name)
	if err != nil {
		return err
	}
	for _, line := range terms(spec, name, b.refuse, have) {
		b.say("%s", line)
	}
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
	if question != "" {
		b.say("%s", question)
	}
	in, ok := b.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return exit(ExitDeclined, errors.New("this is no terminal: nobody can be asked whether that is agreed to"), "Add --yes to agree.")
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
		return exit(ExitDeclined, errors.New("not agreed: nothing was done"), "Some claims can be refused: --refuse-claim.")
	case <-ctx.Done():
		fmt.Fprintln(b.ErrOut)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return exit(ExitTimeout, errors.New("nobody answered in time: nothing was done"), "Run the command again; --yes agrees without being asked, --timeout waits longer.")
		}
		return ctx.Err()
	}
}

// terms are what a template brings and takes, in words. What an earlier binding refuses stays refused.
func terms(spec *kubebindv1alpha2.APIServiceExportTemplateSpec, name string, refused []string, before *kubebindv1alpha2.APIServiceBinding) []string {
	out := []string{fmt.Sprintf("Binding %s. The provider's APIs come to your cluster, and their objects go to the provider:", word(name))}
	for _, r := range spec.Resources {
		out = append(out, "  - "+word(r.ResourceGroupName()))
	}
	if len(spec.PermissionClaims) > 0 {
		out = append(out, "The provider also asks to share:")
	}
	for i := range spec.PermissionClaims {
		claim := &spec.PermissionClaims[i]
		line := "  - " + word(claim.GroupResource.GroupResource().String()) + " " + selected(&claim.Selector)
		switch {
		case slices.Contains(refused, claim.GroupResource.GroupResource().String()):
			line += " (refused by you)"
		case before.Consent(claim.GroupResource) == kubebindv1alpha2.ConsentRefused:
			line += " (refused before, which stays so)"
		}
		out = append(out, line)
	}
	if len(spec.Namespaces) > 0 {
		out = append(out, "These namespaces are made in your cluster:")
	}
	for _, ns := range spec.Namespaces {
		out = append(out, "  - "+word(ns.Name))
	}
	return out
}

// word is a name that the provider chose. In quotes stands one with more in it than names have: it could pass for words of ours.
func word(name string) string {
	const others = "-._:/#"
	if name == "" || strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(others, c)
	}) {
		return strconv.QuoteToASCII(name)
	}
	return name
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
			where = "in namespace " + word(named.Namespace)
		}
		parts = append(parts, fmt.Sprintf("called %s, %s", word(named.Name), where))
	}
	for _, ref := range s.References {
		part := "that are named in objects of " + word(ref.Resource)
		if ref.JSONPath.Name != "" {
			part += " at " + word(ref.JSONPath.Name)
		}
		if ref.JSONPath.Namespace != "" {
			part += ", in any namespace that those name at " + word(ref.JSONPath.Namespace)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "(none is selected)"
	}
	return strings.Join(parts, ", or ")
}

// shown tells whether everything that a contract asks for was in the template that somebody agreed to.
func shown(template *kubebindv1alpha2.APIServiceExportTemplateSpec, c *install.Contract) bool {
	for i := range c.Requests {
		spec := &c.Requests[i].Spec
		for _, r := range spec.Resources {
			if !slices.ContainsFunc(template.Resources, func(t kubebindv1alpha2.ExportedResource) bool { return t.ResourceGroupName() == r.ResourceGroupName() }) {
				return false
			}
		}
		for _, claim := range spec.PermissionClaims {
			if !slices.ContainsFunc(template.PermissionClaims, func(t kubebindv1alpha2.PermissionClaim) bool { return equality.Semantic.DeepEqual(t, claim) }) {
				return false
			}
		}
		for _, ns := range spec.Namespaces {
			if !slices.ContainsFunc(template.Namespaces, func(t kubebindv1alpha2.Namespace) bool { return t.Name == ns.Name }) {
				return false
			}
		}
	}
	return true
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

// answers are what a binding says to claims: what it said before, and what is refused now.
func (b *binder) answers(spec *kubebindv1alpha2.APIServiceExportRequestSpec, before *kubebindv1alpha2.APIServiceBinding) []kubebindv1alpha2.PermissionClaimConsent {
	out := slices.Clone(before.Spec.PermissionClaims)
	for _, claim := range spec.PermissionClaims {
		resource := claim.GroupResource.GroupResource()
		if !slices.Contains(b.refuse, resource.String()) {
			continue
		}
		i := slices.IndexFunc(out, func(a kubebindv1alpha2.PermissionClaimConsent) bool {
			return a.GroupResource.GroupResource() == resource
		})
		if i < 0 {
			i, out = len(out), append(out, kubebindv1alpha2.PermissionClaimConsent{GroupResource: claim.GroupResource})
		}
		out[i].State = kubebindv1alpha2.ConsentRefused
	}
	return out
}
