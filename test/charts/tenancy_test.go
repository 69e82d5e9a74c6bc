// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/test/attack"
	"kube-bind.io/kube-bind/test/leak"
	"kube-bind.io/kube-bind/test/pair"
)

const (
	// mine and theirs are the contract namespaces of two consumers; their names are as backends make them.
	mine, theirs = "kube-bind-2nxbqu1iqlsl", "kube-bind-3c5vanlpbkk2"
	// lent is a namespace of the provider's that both may use.
	lent = "lent-to-both"
)

// place is a namespace that was made for a consumer.
func place(contract string) string { return contract + "-team" }

// tenancy prepares two places as a backend would, but for roles: the first consumer has all rights that there are. Its access is returned.
func tenancy(t *testing.T) *rest.Config {
	t.Helper()
	own, err := crds.Provider()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"crd-cowboys.yaml", "crd-sheriffs.yaml"} {
		file, err := pair.Example(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal([]byte(read(t, file)), crd); err != nil {
			t.Fatal(err)
		}
		own = append(own, crd)
	}
	if err := crds.Install(t.Context(), shared.Client, own); err != nil {
		t.Fatal(err)
	}
	makeAll(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: lent, Annotations: map[string]string{
		kubebindv1alpha2.AllowAdoptionAnnotation: theirs + ", " + mine,
	}}})
	for _, contract := range []string{mine, theirs} {
		makeAll(t,
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: contract}},
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place(contract), Annotations: map[string]string{
				kubebindv1alpha2.APIServiceNamespaceAnnotation: contract + "/team",
			}}},
			&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: contract, Name: kubebindv1alpha2.BinderName}},
			&kubebindv1alpha2.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Namespace: contract, Name: kubebindv1alpha2.ClusterBindingName}, Spec: kubebindv1alpha2.ClusterBindingSpec{
				KubeconfigSecretRef: kubebindv1alpha2.LocalSecretKeyRef{Name: "kubeconfig", Key: "kubeconfig"}, ProviderPrettyName: "Example Inc.",
			}},
		)
	}
	makeAll(t, victims(theirs)...)
	makeAll(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "roles-gone-wrong"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: mine, Name: kubebindv1alpha2.BinderName}},
	})
	kubeconfig, err := shared.AccountKubeconfig(t.Context(), mine, kubebindv1alpha2.BinderName)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// makeAll makes objects that go with the test.
func makeAll(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := shared.Client.Create(t.Context(), o); err != nil {
			t.Fatalf("%T %s: %v", o, o.GetName(), err)
		}
		t.Cleanup(func() {
			if err := client.IgnoreNotFound(shared.Client.Delete(context.WithoutCancel(t.Context()), o)); err != nil {
				t.Error(err)
			}
		})
	}
}

// victims are what another consumer has, and what the provider keeps for it.
func victims(contract string) []client.Object {
	return []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: contract, Name: "kubeconfig"}},
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: contract, Name: kubebindv1alpha2.BinderName}},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: contract, Name: kubebindv1alpha2.BinderName},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: kubebindv1alpha2.BinderName}},
		&corev1.ConfigMap{ObjectMeta: marked(contract, metav1.ObjectMeta{Namespace: place(contract), Name: "copied"})},
		&corev1.Secret{ObjectMeta: marked(contract, metav1.ObjectMeta{Namespace: place(contract), Name: "copied"})},
		object("Cowboy", contract, place(contract), "billy"), object("Cowboy", contract, contract, "billy"), object("Cowboy", contract, lent, "theirs"),
		object("Sheriff", contract, "", contract+"-pat"), object("Sheriff", contract, "", "pat"),
		object("Sheriff", "", "", "providers"), object("Cowboy", "", "default", "providers"),
	}
}

func marked(contract string, meta metav1.ObjectMeta) metav1.ObjectMeta {
	meta.Annotations = map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: contract}
	return meta
}

// object is one of an exported API, with the mark of a consumer, or without.
func object(kind, contract, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"intent": leak.Body}}}
	o.SetAPIVersion("wildwest.dev/v1alpha1")
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	if contract != "" {
		o.SetAnnotations(map[string]string{kubebindv1alpha2.ClusterNamespaceAnnotation: contract})
	}
	return o
}

// policies installs the policy of the backend's chart, and nothing else of it, and waits until it is in force.
func policies(t *testing.T, consumer client.Client) {
	t.Helper()
	for _, o := range rendered(t, Backend, nil).Objects {
		if strings.HasPrefix(o.GetKind(), "ValidatingAdmissionPolicy") {
			makeAll(t, o)
		}
	}
	err := wait.PollUntilContextTimeout(t.Context(), poll, timeout, true, func(ctx context.Context) (bool, error) {
		err := consumer.Create(ctx, object("Cowboy", mine, place(theirs), "probe"), client.DryRunAll)
		return apierrors.IsForbidden(err), client.IgnoreNotFound(ignoreForbidden(err))
	})
	if err != nil {
		t.Fatalf("the policy is not in force: %v", err)
	}
}

func ignoreForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// writes are all attempts to write what is not the first consumer's.
func writes(t *testing.T) []attack.Attempt {
	t.Helper()
	namespaces := []string{theirs, place(theirs), "default", "kube-system", restricted}
	things := attack.Everything(t, shared.Config(), attack.Look{
		Namespaces: namespaces, Mentions: []string{theirs, "wildwest.dev", "pat", "roles-gone-wrong"},
	})
	return slices.DeleteFunc(attack.Attempts(attack.Spot{What: "others", Namespaces: namespaces}, things), func(a attack.Attempt) bool {
		_, group, _ := strings.Cut(a.Resource, ".")
		// The ones write nothing, and Kubernetes leaves the others out.
		harmless := group == "authentication.k8s.io" || group == "authorization.k8s.io"
		return slices.Contains([]string{"get", "list", "watch"}, a.Verb) || a.Empty || harmless || strings.Contains(a.Resource, "admissionpolic")
	})
}

// A consumer that has all rights by mistake can write nothing that is not its own: the chart's policy alone is in its way. Without the
// policy the same requests succeed.
func TestSEC3PolicyWithoutRoles(t *testing.T) {
	config := tenancy(t)
	consumer, err := pair.Client(config)
	if err != nil {
		t.Fatal(err)
	}
	all := writes(t)
	before := attack.Answers(t, config, all)
	policies(t, consumer)
	after := attack.Answers(t, config, all)
	var through []attack.Attempt
	var codes []int
	resources, stopped := map[string]bool{}, 0
	for i, a := range all {
		switch {
		case after[i] < http.StatusMultipleChoices:
			through, codes = append(through, a), append(codes, after[i])
		case before[i] < http.StatusMultipleChoices && attack.Refused(after[i]):
			resources[a.Resource] = true
			stopped++
		case before[i] < http.StatusMultipleChoices && after[i] != http.StatusConflict: // somebody else was quicker
			t.Errorf("%s %s in %s: %d, and then %d", a.Verb, a.Resource, a.Where, before[i], after[i])
		}
	}
	if len(through) > 0 {
		t.Errorf("the policy lets through:\n%s", attack.Matrix(through, codes))
	}
	t.Logf("of %d requests %d succeeded without the policy, on %d resources", len(all), stopped, len(resources))
	for _, resource := range []string{
		"secrets", "configmaps", "serviceaccounts", "serviceaccounts/token", "namespaces", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
		"clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io", "cowboys.wildwest.dev", "cowboys/status.wildwest.dev",
		"sheriffs.wildwest.dev", "clusterbindings.kube-bind.io", "clusterbindings/status.kube-bind.io", "customresourcedefinitions.apiextensions.k8s.io",
	} {
		if !resources[resource] {
			t.Errorf("nothing was tried on %s that would have succeeded without the policy", resource)
		}
	}
	t.Run("its own", func(t *testing.T) { ownWrites(t, consumer) })
	t.Run("beside its own", func(t *testing.T) { besideWrites(t, consumer) })
}

// ownWrites are what a konnector does.
func ownWrites(t *testing.T, consumer client.Client) {
	t.Helper()
	ctx := t.Context()
	spec := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"intent":"rest"}}`))
	status := client.RawPatch(types.MergePatchType, []byte(`{"status":{"konnectorVersion":"v1.2.3"}}`))
	label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"`+kubebindv1alpha2.OwnerLabel+`":"provider"}}}`))
	providers, given := object("Cowboy", "", place(mine), "providers"), object("Cowboy", "", place(mine), "given")
	given.SetLabels(map[string]string{kubebindv1alpha2.OwnerLabel: kubebindv1alpha2.OwnerConsumer})
	makeAll(t, providers.DeepCopy(), given.DeepCopy())
	var errs []error
	for _, o := range []client.Object{
		object("Cowboy", mine, place(mine), "billy"), object("Cowboy", mine, mine, "billy"), object("Cowboy", mine, lent, "mine"),
		object("Sheriff", mine, "", mine+"-pat"), object("Sheriff", mine, "", "garrett"), object("Sheriff", mine, "", "kube-bind-garrett"),
	} {
		applied := o.DeepCopyObject().(*unstructured.Unstructured)
		applied.SetLabels(map[string]string{"a": "b"})
		errs = append(errs, consumer.Create(ctx, o), consumer.Patch(ctx, o, spec),
			consumer.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("konnector"), client.ForceOwnership), consumer.Delete(ctx, o))
	}
	secret := &corev1.Secret{ObjectMeta: marked(mine, metav1.ObjectMeta{Namespace: place(mine), Name: "copied"})}
	binding := &kubebindv1alpha2.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Namespace: mine, Name: kubebindv1alpha2.ClusterBindingName}}
	space := &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: mine, Name: "other"}}
	errs = append(errs,
		consumer.Create(ctx, secret), consumer.Delete(ctx, secret), consumer.Status().Patch(ctx, binding, status), consumer.Create(ctx, space), consumer.Delete(ctx, space),
		consumer.Patch(ctx, providers, label), consumer.Patch(ctx, given, spec),
	)
	if err := errors.Join(errs...); err != nil {
		t.Errorf("a consumer may not write its own: %v", err)
	}
}

// besideWrites are what it may not do in namespaces where it may write.
func besideWrites(t *testing.T, consumer client.Client) {
	t.Helper()
	ctx := t.Context()
	merge := func(patch string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(patch)) }
	spec := merge(`{"spec":{"intent":"rest"}}`)
	takes := merge(`{"metadata":{"annotations":{"` + kubebindv1alpha2.ClusterNamespaceAnnotation + `":"` + mine + `"}}}`)
	gives := merge(`{"metadata":{"annotations":{"` + kubebindv1alpha2.ClusterNamespaceAnnotation + `":"` + theirs + `"}}}`)
	claims := merge(`{"metadata":{"labels":{"` + kubebindv1alpha2.OwnerLabel + `":"consumer"}}}`)
	providers, own, wide := object("Cowboy", "", lent, "providers"), object("Cowboy", mine, lent, "own"), object("Sheriff", mine, "", "own")
	owned := object("Cowboy", "", lent, "owned")
	owned.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "wildwest.dev/v1alpha1", Kind: "Cowboy", Name: "absent", UID: "absent"}})
	makeAll(t, providers.DeepCopy(), own.DeepCopy(), wide.DeepCopy(), owned.DeepCopy())
	other := object("Cowboy", theirs, lent, "theirs")
	config := &corev1.ConfigMap{ObjectMeta: marked(mine, metav1.ObjectMeta{Namespace: mine, Name: "x"})}
	token := func(namespace string) client.Object {
		out := &corev1.Secret{ObjectMeta: marked(mine, metav1.ObjectMeta{Namespace: namespace, Name: "x"}), Type: corev1.SecretTypeServiceAccountToken}
		out.Annotations[corev1.ServiceAccountNameKey] = "default"
		return out
	}
	for what, err := range map[string]error{
		"change what is another's in a namespace that is lent to both": consumer.Patch(ctx, other.DeepCopy(), spec),
		"label it":                            consumer.Patch(ctx, other.DeepCopy(), claims),
		"take it":                             consumer.Patch(ctx, other.DeepCopy(), takes),
		"delete it":                           consumer.Delete(ctx, other.DeepCopy()),
		"change what is the provider's":       consumer.Patch(ctx, providers.DeepCopy(), spec),
		"mark it as its own":                  consumer.Patch(ctx, providers.DeepCopy(), takes),
		"label it as its own":                 consumer.Patch(ctx, providers.DeepCopy(), claims),
		"delete that":                         consumer.Delete(ctx, providers.DeepCopy()),
		"have it deleted with no owner":       consumer.Patch(ctx, providers.DeepCopy(), merge(attack.Orphaned)),
		"keep it from being deleted":          consumer.Patch(ctx, providers.DeepCopy(), merge(attack.Kept)),
		"take its owner away":                 consumer.Patch(ctx, owned.DeepCopy(), merge(`{"metadata":{"ownerReferences":null}}`)),
		"give an object away":                 consumer.Patch(ctx, own.DeepCopy(), gives),
		"give a cluster-scoped one away":      consumer.Patch(ctx, wide.DeepCopy(), merge(`{"metadata":{"annotations":null}}`)),
		"write a status":                      consumer.Status().Patch(ctx, own.DeepCopy(), merge(`{"status":{"result":"x"}}`)),
		"create without mark":                 consumer.Create(ctx, object("Cowboy", "", lent, "x")),
		"create with another's mark":          consumer.Create(ctx, object("Cowboy", theirs, lent, "x")),
		"take a name of another's":            consumer.Create(ctx, object("Sheriff", mine, "", theirs+"-x")),
		"create in the contract namespace":    consumer.Create(ctx, config),
		"make a token":                        consumer.SubResource("token").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: mine, Name: kubebindv1alpha2.BinderName}}, &authenticationv1.TokenRequest{}),
		"have a token made in its own place":  consumer.Create(ctx, token(place(mine))),
		"have a token made in a lent place":   consumer.Create(ctx, token(lent)),
		"change its grant":                    consumer.Patch(ctx, &kubebindv1alpha2.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Namespace: mine, Name: kubebindv1alpha2.ClusterBindingName}}, merge(`{"spec":{"providerPrettyName":"x"}}`)),
		"give itself a role":                  consumer.Create(ctx, &rbacv1.Role{ObjectMeta: marked(mine, metav1.ObjectMeta{Namespace: mine, Name: "x"})}),
		"run something":                       consumer.Create(ctx, &corev1.Pod{ObjectMeta: marked(mine, metav1.ObjectMeta{Namespace: place(mine), Name: "x"}), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "x", Image: "x"}}}}),
		"make a namespace its own":            consumer.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place(mine)}}, takes),
		"delete all objects in a lent place":  consumer.DeleteAllOf(ctx, object("Cowboy", "", "", ""), client.InNamespace(lent), client.DryRunAll),
		"make namespaces by the contract API": consumer.Create(ctx, &kubebindv1alpha2.APIServiceNamespace{ObjectMeta: metav1.ObjectMeta{Namespace: theirs, Name: "x"}}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("the consumer may %s: %v", what, err)
		}
	}
}

// The policy is for plain clusters that the chart installs into, and can be turned off.
func TestTenancyPolicyIsWhereItBelongs(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                true,
		"backend: {isolation: None}":      true,
		"backend: {provider: kubernetes}": true,
		"backend: {tenancyPolicy: {enabled: false}}":          false,
		"backend: {kubeconfigSecretName: elsewhere}":          false,
		"backend: {provider: kcp, kubeconfigSecretName: kcp}": false,
	} {
		made := rendered(t, Backend, values(t, text))
		policy := made.Find("ValidatingAdmissionPolicy", "kube-bind-backend.kube-bind")
		binding := made.Find("ValidatingAdmissionPolicyBinding", "kube-bind-backend.kube-bind")
		if (policy != nil) != want || (binding != nil) != want {
			t.Errorf("%q: policy %v, binding %v", text, policy != nil, binding != nil)
		}
	}
}
