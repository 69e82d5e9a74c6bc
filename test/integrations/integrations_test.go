// SPDX-License-Identifier: Apache-2.0

package integrations

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	deploycrds "kube-bind.io/kube-bind/deploy/crds"
	"kube-bind.io/kube-bind/test/charts"
	"kube-bind.io/kube-bind/test/expect"
	"kube-bind.io/kube-bind/test/pair"
)

// service is what a page is about, and what its operator does.
type service struct {
	page string
	// crds are those of the operator.
	crds func(*testing.T, map[string]manifest) []*apiextensionsv1.CustomResourceDefinition
	// before are manifests of the page that its administrator applies besides.
	before []string
	// kind is that of the users' objects, status what the operator says of one, and secret the Secret that it makes for the
	// one on the page, with its labels.
	kind, status, secret string
	labels               map[string]string
	// data is in the Secret besides a password.
	data map[string]string
	// private is a Secret that the operator makes, too, and that is not for the user.
	private       string
	privateLabels map[string]string
	// given has an object name a Secret of the user's, if the page has that.
	given func(secret string) expect.Modifier
	// more is what else the page says of an object whose copy is there.
	more func(t *testing.T, w *world, here, there *unstructured.Unstructured)
}

func services() []service {
	return []service{
		{
			page: "cert-manager.md", kind: "Certificate", before: []string{"ClusterIssuer"}, secret: "shop-tls", private: "shop-next-key",
			crds: func(t *testing.T, _ map[string]manifest) []*apiextensionsv1.CustomResourceDefinition {
				return []*apiextensionsv1.CustomResourceDefinition{realCRD(t, "clusterissuers.cert-manager.io"), labelled(realCRD(t, "certificates.cert-manager.io"))}
			},
			status: `{revision: 1, conditions: [{type: Ready, status: "True", reason: Ready, message: it is up to date, lastTransitionTime: "2026-01-01T00:00:00Z"}]}`,
			given: func(secret string) expect.Modifier {
				password := map[string]any{"name": secret, "key": "password"}
				return expect.Set(map[string]any{"create": true, "passwordSecretRef": password}, "spec", "keystores", "pkcs12")
			},
		},
		{
			page: "cloudnative-pg.md", kind: "Cluster", secret: "orders-app", labels: map[string]string{"cnpg.io/cluster": "orders", "cnpg.io/userType": "app"},
			// CloudNativePG names the Service alone here.
			data:    map[string]string{"username": "app", "dbname": "app", "port": "5432", "host": "orders-rw"},
			private: "orders-superuser", privateLabels: map[string]string{"cnpg.io/cluster": "orders", "cnpg.io/userType": "superuser"},
			crds: func(t *testing.T, _ map[string]manifest) []*apiextensionsv1.CustomResourceDefinition {
				return []*apiextensionsv1.CustomResourceDefinition{labelled(realCRD(t, "clusters.postgresql.cnpg.io"))}
			},
			status: `{phase: Cluster in healthy state, instances: 3, readyInstances: 3, writeService: orders-rw}`,
			given: func(secret string) expect.Modifier {
				return expect.Set(map[string]any{"database": "app", "owner": "app", "secret": map[string]any{"name": secret}}, "spec", "bootstrap", "initdb")
			},
		},
		{
			page: "crossplane.md", kind: "Database", secret: "catalogue-connection", private: "catalogue-provider",
			crds: func(t *testing.T, page map[string]manifest) []*apiextensionsv1.CustomResourceDefinition {
				return []*apiextensionsv1.CustomResourceDefinition{composite(t, page["CompositeResourceDefinition"])}
			},
			status: `{address: db.example.org, conditions: [{type: Ready, status: "True"}]}`,
			more:   crossplaneKeeps,
		},
	}
}

// world is a provider whose backend has the chart's rights and those that the pages give it, and a consumer to which kubectl bind
// brings the konnector.
type world struct {
	*pair.Pair
	home string
}

// installer installs the backend with its chart, and no konnector.
type installer struct{ charts.Installer }

// InstallKonnector implements pair.Installer.
func (*installer) InstallKonnector(context.Context, *pair.Side, string) (*pair.Command, error) {
	return nil, nil // Without a command it is started beside the cluster, here as kubectl bind deploys it.
}

func start(t *testing.T) *world {
	t.Helper()
	p, err := pair.StartControlPlanes(t.Context(), pair.Options{LogDir: t.TempDir(), Workloads: true, Kind: pair.Kubernetes, Install: &installer{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && p.Backend() != nil {
			t.Logf("end of the backend's log:\n%s", p.Backend().LogTail(15))
		}
		if t.Failed() && p.Konnector() != nil {
			t.Logf("end of the konnector's log:\n%s", p.Konnector().LogTail(15))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := p.StartBackend(); err != nil {
		t.Fatal(err)
	}
	if err := p.AwaitBackend(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &world{Pair: p, home: t.TempDir()}
}

// The manifests of the pages do what the pages say.
func TestIntegrations(t *testing.T) {
	w := start(t)
	expect.Namespace(t, w.Consumer, "shop")
	played := make(chan error, 1)
	go func() { played <- w.PlayKonnectorPods(t.Context(), filepath.Join(w.home, "konnector.kubeconfig")) }()
	t.Run("pages", func(t *testing.T) {
		for _, s := range services() {
			t.Run(s.page, func(t *testing.T) {
				t.Parallel()
				w.try(t, s)
			})
		}
	})
	if err := <-played; err != nil {
		t.Error(err)
	}
}

// try is the life of a page's object, from the offer to the end.
func (w *world) try(t *testing.T, s service) {
	t.Helper()
	page := manifests(t, s.page)
	w.offer(t, s, page)
	template := page["APIServiceExportTemplate"].GetName()
	place := w.bind(t, template)

	here := page[s.kind].DeepCopy()
	expect.Create(t, w.Consumer, here.DeepCopy())
	there := here.DeepCopy()
	there.SetNamespace(place.There(here.GetNamespace()))
	expect.Exists(t, w.Provider, there)
	w.statusComes(t, s, here, there)
	w.secretComes(t, s, here, there)
	if s.given != nil {
		w.secretGoes(t, s, here, there)
	}
	if s.more != nil {
		s.more(t, w, here, there)
	}

	w.kubectlBind(t, nil, "unbind", template, "--yes")
	expect.Gone(t, w.Provider, there)
	expect.Gone(t, w.Consumer, secret(here.GetNamespace(), s.secret, nil))
}

// offer does what the page has the provider do.
func (w *world) offer(t *testing.T, s service, page map[string]manifest) {
	t.Helper()
	for _, kind := range append([]string{"ClusterRole", s.kind, "APIServiceExportTemplate"}, s.before...) {
		if page[kind].Unstructured == nil {
			t.Fatalf("the page has no manifest of a %s", kind)
		}
	}
	if err := deploycrds.Install(t.Context(), w.Provider.Client, s.crds(t, page)); err != nil {
		t.Fatal(err)
	}
	for _, kind := range append(s.before, "ClusterRole", "APIServiceExportTemplate") {
		if err := w.Provider.ApplyYAML(t.Context(), page[kind].raw); err != nil {
			t.Fatal(err)
		}
	}
}

// bind has the provider make a place, and the consumer bind with its answer.
func (w *world) bind(t *testing.T, template string) *pair.Place {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	identity, err := w.Consumer.ClusterUID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	place, err := w.Request(ctx, template, template, identity)
	if err != nil {
		t.Fatal(err)
	}
	answer := &corev1.Secret{}
	key := client.ObjectKey{Namespace: pair.RequestNamespace(identity), Name: template + kubebindv1alpha2.BindingResponseSecretSuffix}
	if err := w.Provider.Client.Get(ctx, key, answer); err != nil {
		t.Fatal(err)
	}
	w.kubectlBind(t, answer.Data[kubebindv1alpha2.BindingResponseKey], "deploy", "-f", "-", "--yes")
	if _, err := w.WaitBinding(ctx, template, kubebindv1alpha2.ConditionReady, "True", ""); err != nil {
		t.Fatal(err)
	}
	return place
}

// kubectlBind runs kubectl bind in the consumer.
func (w *world) kubectlBind(t *testing.T, stdin []byte, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), expect.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(w.Bin(), "kubectl-bind"), args...)
	cmd.Env = append(os.Environ(), "HOME="+w.home, "KUBECONFIG="+w.Consumer.KubeconfigFile())
	cmd.Stdin = bytes.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl bind %v: %v\n%s", args, err, out)
	}
}

// statusComes sees what the operator says of an object come down, as it is.
func (w *world) statusComes(t *testing.T, s service, here, there *unstructured.Unstructured) {
	t.Helper()
	var status map[string]any
	if err := yaml.Unmarshal([]byte(s.status), &status); err != nil {
		t.Fatal(err)
	}
	expect.ChangeStatus(t, w.Provider, there, expect.Set(runtimeJSON(status), "status"))
	expect.SameStatus(t, w.Provider, there, w.Consumer, here)
}

// runtimeJSON has numbers as unstructured objects have them.
func runtimeJSON(in map[string]any) map[string]any {
	for key, value := range in {
		if number, ok := value.(float64); ok {
			in[key] = int64(number)
		}
	}
	return in
}

// secretComes sees the operator's Secret come down, and follow; and one that is not the user's stay.
func (w *world) secretComes(t *testing.T, s service, here, there *unstructured.Unstructured) {
	t.Helper()
	made, mine := secret(there.GetNamespace(), s.secret, s.labels), secret(here.GetNamespace(), s.secret, nil)
	for key, value := range s.data {
		made.Object["data"].(map[string]any)[key] = encoded(value)
	}
	expect.Create(t, w.Provider, secret(there.GetNamespace(), s.private, s.privateLabels))
	expect.Create(t, w.Provider, made)
	expect.Has(t, w.Consumer, mine, encoded("first"), "data", "password")
	for key, value := range s.data {
		expect.Has(t, w.Consumer, mine, encoded(value), "data", key)
	}
	expect.Change(t, w.Provider, made, expect.Set(encoded("second"), "data", "password"))
	expect.Has(t, w.Consumer, mine, encoded("second"), "data", "password")
	expect.Never(t, s.private+" should stay at the provider", func(ctx context.Context) error {
		if _, err := expect.Get(ctx, w.Consumer, secret(here.GetNamespace(), s.private, nil)); err == nil {
			return errors.New("it has come down")
		}
		return nil
	})
}

// secretGoes sees a Secret of the user's go up that an object names.
func (w *world) secretGoes(t *testing.T, s service, here, there *unstructured.Unstructured) {
	t.Helper()
	mine := secret(here.GetNamespace(), here.GetName()+"-given", nil)
	expect.Create(t, w.Consumer, mine)
	expect.Change(t, w.Consumer, here, s.given(mine.GetName()))
	expect.Has(t, w.Provider, secret(there.GetNamespace(), mine.GetName(), nil), encoded("first"), "data", "password")
}

// crossplaneKeeps sees that what Crossplane has in the spec of a copy stays there, and does not come down.
func crossplaneKeeps(t *testing.T, w *world, here, there *unstructured.Unstructured) {
	t.Helper()
	expect.Change(t, w.Provider, there, expect.Set("postgres", "spec", "crossplane", "compositionRef", "name"))
	expect.Change(t, w.Consumer, here, expect.Set("large", "spec", "size"))
	expect.Has(t, w.Provider, there, "large", "spec", "size")
	expect.Has(t, w.Provider, there, "postgres", "spec", "crossplane", "compositionRef", "name")
	expect.Lacks(t, w.Consumer, here, "spec", "crossplane")
}

// secret has a password.
func secret(namespace, name string, labels map[string]string) *unstructured.Unstructured {
	out := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"namespace": namespace, "name": name},
		"data":     map[string]any{"password": encoded("first")},
	}}
	out.SetLabels(labels)
	return out
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
