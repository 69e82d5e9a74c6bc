// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// rightsOf are the resources that the konnector's role for a binding is on, and answersOf what the binding says to claims.
func (s *stage) rightsOf(t *testing.T, binding string) string {
	t.Helper()
	role := &rbacv1.ClusterRole{}
	if !s.has(t, role, "", s.roleOf(t, binding)) {
		t.Fatalf("the konnector has no role for %s", binding)
	}
	var out []string
	for _, rule := range role.Rules {
		out = append(out, rule.Resources...)
	}
	return strings.Join(out, " ")
}

// roleOf is what the role for a binding is called.
func (s *stage) roleOf(t *testing.T, binding string) string {
	t.Helper()
	b := &kubebindv1alpha2.APIServiceBinding{}
	if !s.has(t, b, "", binding) {
		t.Fatalf("there is no binding %s", binding)
	}
	return konnector.RoleFor(b, &kubebindv1alpha2.APIServiceExportRequestSpec{}).Name
}

func (s *stage) answersOf(t *testing.T, binding string) []kubebindv1alpha2.PermissionClaimConsent {
	t.Helper()
	b := &kubebindv1alpha2.APIServiceBinding{}
	if !s.has(t, b, "", binding) {
		t.Fatalf("there is no binding %s", binding)
	}
	return b.Spec.PermissionClaims
}

// letBind gives a user the rights to bind, and none to give rights.
func (s *stage) letBind(t *testing.T, user string) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces", "secrets"}, Verbs: []string{"get", "create", "update"}},
		{APIGroups: []string{kubebindv1alpha2.GroupName}, Resources: []string{"apiservicebindings"}, Verbs: []string{"get", "create", "patch"}},
	}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
	}
	for _, o := range []client.Object{role, binding} {
		if err := s.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// testRefusals: the konnector gets no right on what is refused, keeps one by which it takes back what it has shared, and a refusal stands
// until the binding itself says otherwise.
func testRefusals(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	refused := []kubebindv1alpha2.PermissionClaimConsent{{GroupResource: kubebindv1alpha2.GroupResource{Resource: "secrets"}, State: kubebindv1alpha2.ConsentRefused}}
	bind := func(name string, args ...string) result {
		t.Helper()
		return s.run(t.Context(), append([]string{"--template", "cowboys", "--name", name, "--yes"}, args...)...)
	}
	stands := func(name, rights string, answers []kubebindv1alpha2.PermissionClaimConsent) {
		t.Helper()
		if got := s.rightsOf(t, name); got != rights {
			t.Errorf("%s: the konnector has rights on %s, want %s", name, got, rights)
		}
		if got := s.answersOf(t, name); !slices.Equal(got, answers) {
			t.Errorf("%s: the answers are %v, want %v", name, got, answers)
		}
	}
	const without, with = "cowboys cowboys/status", "cowboys cowboys/status secrets"

	bind("careful", "--refuse-claim", "secrets").wants(t, ExitOK, "(refused by you)", "Created APIServiceBinding careful")
	stands("careful", without, refused)
	bind("careful").wants(t, ExitOK, "secrets with the labels app=cowboy (refused before, which stays so)", "Kept APIServiceBinding careful",
		"It refuses secrets", "change spec.permissionClaims")
	stands("careful", without, refused)
	b := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "careful"}}
	s.has(t, b, "", "careful")
	accepted := slices.Clone(refused)
	accepted[0].State = kubebindv1alpha2.ConsentAccepted
	b.Spec.PermissionClaims = accepted
	if err := s.client.Update(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := bind("careful"); got.code != ExitOK || strings.Contains(got.stderr, "refuse") {
		t.Errorf("after it was accepted: %+v", got)
	}
	stands("careful", with, accepted)

	bind("trusting").wants(t, ExitOK, "Created APIServiceBinding trusting")
	stands("trusting", with, nil)
	got := bind("trusting", "--refuse-claim", "secrets")
	got.wants(t, ExitOK, "(refused by you)", "The konnector keeps its rights on secrets", "ClusterRole kube-bind-konnector-trusting",
		"Updated APIServiceBinding trusting", "It refuses secrets, and what was shared of that is taken back")
	stands("trusting", with, refused)
	bind("trusting", "--refuse-claim", "secrets").wants(t, ExitOK, "Kept APIServiceBinding trusting")

	// The konnector that somebody else deploys gets the same rights, or whoever binds is told that somebody has to give them.
	bind("elsewhere", "--skip-konnector", "--refuse-claim", "secrets").wants(t, ExitOK, "Created APIServiceBinding elsewhere")
	stands("elsewhere", without, refused)
	given := s.roleOf(t, "elsewhere")
	s.run(t.Context(), "unbind", "elsewhere", "--yes").wants(t, ExitOK, "Unbound elsewhere")
	if s.has(t, &rbacv1.ClusterRole{}, "", given) {
		t.Error("unbind has left the konnector's rights")
	}
	s.letBind(t, "binder")
	bind("lesser", "--skip-konnector", "--as", "binder").wants(t, ExitOK, "Whoever runs the konnector has to give it the rights for lesser", "forbidden", "Created APIServiceBinding lesser")
	bind("lesser", "--as", "binder").wants(t, ExitFailed, "applying the ClusterRole kube-bind-konnector-lesser")
	if s.has(t, &rbacv1.ClusterRole{}, "", s.roleOf(t, "lesser")) {
		t.Error("somebody has given rights who may not")
	}

	// A binding of another provider is left alone, and so are the rights on it.
	foreign := &kubebindv1alpha2.APIServiceBinding{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}}
	foreign.Spec.KubeconfigSecretRef = b.Spec.KubeconfigSecretRef
	foreign.Spec.KubeconfigSecretRef.Name = "another"
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "kube-bind-konnector-foreign:another"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"frontier.dev"}, Resources: []string{"scouts"}, Verbs: []string{"get"}},
	}}
	for _, o := range []client.Object{foreign, role} {
		if err := s.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	late := foreign.DeepCopy()
	late.Spec.KubeconfigSecretRef.Name = "ours"
	if _, err := (&binder{refuse: []string{"secrets"}}).answer(t.Context(), s.client, late, &kubebindv1alpha2.APIServiceExportRequestSpec{}); err == nil || !strings.Contains(err.Error(), "of another provider") {
		t.Errorf("one that came in the meantime: %v", err)
	}
	bind("foreign").wants(t, ExitFailed, "there is an APIServiceBinding foreign already, of another provider", "kubectl bind unbind foreign")
	stands("foreign", "scouts", nil)
}

// testWithdrawn: binding again what the provider has made again without a resource ends well, and takes no right on that resource away:
// its objects could not be deleted any more.
func testWithdrawn(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	bind := func() result { return s.run(t.Context(), "--template", "cowboys", "--name", "shrunk", "--yes") }
	bind().wants(t, ExitOK, "Created APIServiceBinding shrunk")
	s.plays(true, true, false, true)
	scouts := kubebindv1alpha2.GroupResource{Group: "frontier.dev", Resource: "scouts"}
	b := &kubebindv1alpha2.APIServiceBinding{}
	s.has(t, b, "", "shrunk")
	b.Status.BoundSchemas = append(b.Status.BoundSchemas, kubebindv1alpha2.BoundSchemaReference{GroupResource: scouts})
	kubebindv1alpha2.SetCondition(&b.Status.Conditions, kubebindv1alpha2.FalseCondition(kubebindv1alpha2.ConditionReady,
		kubebindv1alpha2.ReasonResourceWithdrawn, kubebindv1alpha2.SeverityWarning, "The provider has made the export again without scouts.frontier.dev."))
	if err := s.client.Status().Update(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	s.has(t, role, "", s.roleOf(t, "shrunk"))
	role.Rules = append(role.Rules, konnector.RoleFor(b, &kubebindv1alpha2.APIServiceExportRequestSpec{Resources: []kubebindv1alpha2.ExportedResource{{GroupResource: scouts}}}).Rules...)
	if err := s.client.Update(t.Context(), role, client.FieldOwner(kubebindv1alpha2.FieldManager)); err != nil {
		t.Fatal(err)
	}
	bind().wants(t, ExitOK, "Kept APIServiceBinding shrunk", "The konnector keeps its rights on scouts", "without scouts.frontier.dev")
	if got, want := s.rightsOf(t, "shrunk"), "cowboys cowboys/status secrets scouts scouts/status"; got != want {
		t.Errorf("the konnector has rights on %s, want %s", got, want)
	}
}
