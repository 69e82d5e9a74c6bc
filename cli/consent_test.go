// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/cli/backendclient"
	"kube-bind.io/kube-bind/printable"
)

// forgery takes away the line before it, writes another, and hides what follows.
const forgery = "\u001b[1A\u001b[2K\r  - configmaps called settings\u001b[8m\u202e\u009b2K\n  - x"

// forged is a template that claims nearly all Secrets, and with its next claim tries to hide that.
func forged() kubebindv1alpha2.APIServiceExportTemplate {
	out := offered()
	out.Spec.Description = "Riders" + forgery
	out.Spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{
		{
			GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"},
			Selector: kubebindv1alpha2.Selector{LabelSelector: &metav1.LabelSelector{
				MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpDoesNotExist}},
			}},
		},
		{
			GroupResource: kubebindv1alpha2.GroupResource{Resource: "configmaps"},
			Selector:      kubebindv1alpha2.Selector{NamedResources: []kubebindv1alpha2.NamedResource{{Name: forgery}}},
		},
	}
	return out
}

// obeyed tells whether a terminal finds something to obey in a text.
func obeyed(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && printable.Disguises(c) })
}

// What a provider writes moves no cursor, and makes no lines of its own.
func TestSEC15TermsCannotBeForged(t *testing.T) {
	server := door(t, map[string]any{"GET /api/templates": kubebindv1alpha2.APIServiceExportTemplateList{Items: []kubebindv1alpha2.APIServiceExportTemplate{forged()}}})
	w := newTerminal(t, server.URL)
	got := w.run(t.Context(), "--template", "cowboys", "--cluster-identity", "x", "--dry-run=client")
	got.wants(t, ExitDeclined, "\n  - secrets with the labels !x\n", "\n  - configmaps called \"")
	if obeyed(got.stderr) || strings.Contains(got.stderr, "\n  - x") {
		t.Errorf("it says %q", got.stderr)
	}
	for _, args := range []string{"templates", "templates -o wide", "templates -o custom-columns=NAME:.spec.permissionClaims[*].selector", "__complete --template="} {
		if got := w.run(t.Context(), strings.Fields(args)...); got.code != ExitOK || got.stdout == "" || obeyed(strings.ReplaceAll(got.stdout, "\t", "")) || strings.Contains(got.stdout, "\n  - x") {
			t.Errorf("%s: got %q, %s", args, got.stdout, got.stderr)
		}
	}
	// Programs get what there is.
	got = w.run(t.Context(), "templates", "-o", "json")
	var list kubebindv1alpha2.APIServiceExportTemplateList
	if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || len(list.Items) != 1 || list.Items[0].Spec.PermissionClaims[1].Selector.NamedResources[0].Name != forgery {
		t.Errorf("got %s, %v", got.stdout, err)
	}
}

// Nor does an error, wherever it comes from; and the hint below it is ours.
func TestSEC15ErrorsCannotBeForged(t *testing.T) {
	server := door(t, map[string]any{
		"GET /api/templates":   refuses(http.StatusForbidden, kubebindv1alpha2.ErrorCodeAuthorizationFailed, "no"+forgery),
		"GET /api/collections": map[string]any{"items": []map[string]any{{"metadata": map[string]any{"name": "west" + forgery}}}},
		"GET /api/exports":     map[string]any{"version": "v9" + forgery, "providerPrettyName": "BigCorp" + forgery},
	})
	w := newTerminal(t, server.URL)
	for args, code := range map[string]int{"templates": ExitRefused, "collections": ExitOK, "collections -o name": ExitOK, "version": ExitFailed} {
		got := w.run(t.Context(), strings.Fields(args)...)
		if all := got.stdout + got.stderr; got.code != code || !strings.Contains(all, "�[2K") || obeyed(all) || strings.Contains(all, "\n  - x") {
			t.Errorf("%s: exit code %d, %q", args, got.code, all)
		}
	}
	for _, err := range []error{
		&backendclient.RefusedError{Err: &kubebindv1alpha2.Error{Message: "no" + forgery}},
		&clusterError{provider: true, err: fmt.Errorf("no%s", forgery)},
	} {
		if text := err.Error(); obeyed(text) || strings.Contains(text, "\n") {
			t.Errorf("it says %q", text)
		}
	}
	back := &callback{got: make(chan url.Values, 1)}
	back.got <- url.Values{"error": {"no"}, "error_description": {"no" + forgery}}
	if _, err := back.wait(t.Context()); err == nil || obeyed(err.Error()) || strings.Contains(err.Error(), "\n  - x") {
		t.Errorf("it says %q", err)
	}
}

// Whatever way a text of others takes to the terminal, it is cleaned on it.
func TestSEC15EveryWayToTheTerminal(t *testing.T) {
	for name, write := range map[string]func(c *cli){
		"what is said":       func(c *cli) { c.say("%s, and %d of %v", forgery, 2, errors.New(forgery)) },
		"what is waited for": func(c *cli) { c.waiting().say("waiting" + forgery) },
		"an error": func(c *cli) {
			failing := &cobra.Command{RunE: func(*cobra.Command, []string) error { return errors.New(strings.ReplaceAll(forgery, "\n", " ")) }, SilenceErrors: true, SilenceUsage: true}
			failing.SetArgs([]string{})
			failing.SetErr(c.ErrOut)
			Execute(t.Context(), failing)
		},
		"a status": func(c *cli) {
			s := bindingStatus{TypeMeta: typeMeta("BindingStatus"), Provider: "BigCorp" + forgery, Problems: []string{"Ready: " + forgery}}
			s.Name = "cowboys"
			if err := c.printStatus(&output{}, []bindingStatus{s}); err != nil {
				t.Error(err)
			}
		},
	} {
		var all bytes.Buffer
		write(&cli{Options: Options{Now: time.Now}, IOStreams: genericiooptions.IOStreams{Out: &all, ErrOut: &all}})
		if text := all.String(); !strings.Contains(text, "configmaps called settings") || obeyed(text) || strings.Contains(text, "\n  - x") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// What somebody agrees to is said in full, and nothing that the provider chose passes for our words.
func TestTerms(t *testing.T) {
	spec := offered().Spec
	claim := kubebindv1alpha2.PermissionClaim{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}}
	reference := kubebindv1alpha2.SelectorReference{GroupResource: spec.Resources[0].GroupResource}
	reference.JSONPath.Name = "spec.refs.#.name"
	claim.Selector.References = []kubebindv1alpha2.SelectorReference{reference}
	reference.JSONPath.Namespace = "spec.refs.#.namespace"
	claim.Selector.References = append(claim.Selector.References, reference)
	claim.Selector.NamedResources = []kubebindv1alpha2.NamedResource{{Name: "a (refused by you)", Namespace: "kube-system"}, {}}
	spec.PermissionClaims = []kubebindv1alpha2.PermissionClaim{claim}
	spec.Namespaces = []kubebindv1alpha2.Namespace{{Name: "two words"}}
	got := terms(&spec, "cowboys", nil, &kubebindv1alpha2.APIServiceBinding{})
	for _, want := range []string{
		`  - secrets called "a (refused by you)", in namespace kube-system, or called "", in every namespace, or that are named in objects of cowboys at spec.refs.#.name, ` +
			`or that are named in objects of cowboys at spec.refs.#.name, in any namespace that those name at spec.refs.#.namespace`,
		`  - "two words"`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("there is no line %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// The provider does not choose what a binding is called: the name could be that of another provider's.
func TestAnswerIsOfTheNameThatWasAskedFor(t *testing.T) {
	const kubeconfig = `{"apiVersion":"v1","kind":"Config","current-context":"a","contexts":[{"name":"a","context":{"cluster":"a","user":"a","namespace":"x"}}],` +
		`"clusters":[{"name":"a","cluster":{"server":"https://127.0.0.1:1"}}],"users":[{"name":"a","user":{"token":"t"}}]}`
	for _, names := range [][]string{{"databases"}, {"cowboys", "databases"}, {"cowboys", "cowboys"}} {
		response := kubebindv1alpha2.BindingResourceResponse{TypeMeta: typeMeta("BindingResourceResponse"), Kubeconfig: []byte(kubeconfig)}
		for _, name := range names {
			request := kubebindv1alpha2.APIServiceExportRequest{TypeMeta: typeMeta("APIServiceExportRequest"), Spec: offeredRequest()}
			request.Name = name
			raw, err := json.Marshal(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Requests = append(response.Requests, runtime.RawExtension{Raw: raw})
		}
		server := door(t, map[string]any{
			"GET /api/templates": kubebindv1alpha2.APIServiceExportTemplateList{Items: []kubebindv1alpha2.APIServiceExportTemplate{offered()}},
			"POST /api/bind":     response,
		})
		newTerminal(t, server.URL).run(t.Context(), "--template", "cowboys", "--cluster-identity", "x", "--dry-run=client", "--yes").
			wants(t, ExitRefused, "the provider was asked for cowboys, and answers with ", "nothing was written to your cluster", "provider's administrator")
	}
}
