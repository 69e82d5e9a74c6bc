// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/test/pair"
)

// scaleResults say how the konnector grows.
type scaleResults struct {
	// References: that many objects that refer to Secrets, the seconds after a start until a new reference is followed, and
	// milliseconds, processor time and requests for Secrets of one change of a reference.
	Referring        int     `json:"referring"`
	ReferenceStartS  float64 `json:"referenceStartSeconds"`
	ReferenceMs      float64 `json:"referenceChangeMs"`
	ReferenceCPUMs   float64 `json:"referenceChangeCPUMs"`
	ReferenceWrites  int     `json:"referenceChangeWrites"`
	ReferenceReads   int     `json:"referenceChangeReads"`
	Namespaces       int     `json:"namespaces"`
	NamespaceKB      int     `json:"namespacesKB"`
	NamespaceWatches int     `json:"namespacesWatches"`
	// NamespaceP50Ms is from the first object of a new namespace to its copy.
	NamespaceP50Ms float64 `json:"namespaceFirstSyncP50Ms"`
	Exports        int     `json:"exports"`
	ExportKB       int     `json:"exportsKB"`
	ExportWatches  int     `json:"exportsWatches"`
	Goroutines     int     `json:"exportsGoroutines"`
}

func (r *scaleResults) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprintf(t, "\nreferences\tstart s\tchange ms\tCPU ms\twrites\treads\t\n")
	fmt.Fprintf(t, "%d objects\t%.1f\t%.1f\t%.1f\t%d\t%d\t\n", r.Referring, r.ReferenceStartS, r.ReferenceMs, r.ReferenceCPUMs, r.ReferenceWrites, r.ReferenceReads)
	fmt.Fprintf(t, "\nscope Namespaced\tMB\twatches\tfirst sync ms\t\n")
	fmt.Fprintf(t, "%d namespaces\t%.1f\t%d\t%.1f\t\n", r.Namespaces, float64(r.NamespaceKB)/1024, r.NamespaceWatches, r.NamespaceP50Ms)
	fmt.Fprintf(t, "\none connection\tMB\twatches\tgoroutines\t\n")
	fmt.Fprintf(t, "%d exports\t%.1f\t%d\t%d\t\n", r.Exports, float64(r.ExportKB)/1024, r.ExportWatches, r.Goroutines)
}

// scale measures on a pair of its own.
type scale struct {
	*pair.Pair
	place   *pair.Place
	metrics string
}

// measureScale measures how the konnector grows.
func measureScale(ctx context.Context, n sizes, results *results) (err error) {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	p, err := pair.Start(ctx, pair.Options{Kind: pair.Kubernetes, KonnectorArgs: []string{"--server-address=" + address}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop(), p.RemoveLogs()) }()
	s := &scale{Pair: p, metrics: "http://" + address + "/metrics"}
	if err := s.offer(ctx, "ranches", true); err != nil {
		return err
	}
	if s.place, err = p.Bind(ctx, "ranches", "ranches"); err != nil {
		return err
	}
	r := &scaleResults{Referring: n.referring, Namespaces: n.namespaces, Exports: n.exports}
	for _, part := range []struct {
		say string
		do  func(context.Context, *scaleResults) error
	}{{"References.", s.references}, {"Namespaces.", s.namespaces}, {"Exports.", s.exports}} {
		fmt.Fprintln(os.Stderr, part.say)
		if err := part.do(ctx, r); err != nil {
			return fmt.Errorf("%s %w", part.say, err)
		}
	}
	results.Scale = r
	r.print(os.Stdout)
	return nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

const scaleCRD = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: NAME.wildwest.dev, labels: {kube-bind.io/exported: "true"}},
 spec: {group: wildwest.dev, scope: Namespaced, names: {plural: NAME, singular: ONE, kind: KIND, listKind: KINDList}, versions: [{name: v1, served: true, storage: true,
 schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`

const scaleTemplate = `{apiVersion: kube-bind.io/v1alpha2, kind: APIServiceExportTemplate, metadata: {name: NAME},
 spec: {scope: Namespaced, resources: [{group: wildwest.dev, resource: NAME}]CLAIMS}}`

const scaleClaims = `, permissionClaims: [{resource: secrets, selector: {references: [{group: wildwest.dev, resource: NAME, jsonPath: {name: spec.secret}}]}}]`

// offer exports an API of a name, with or without claims.
func (s *scale) offer(ctx context.Context, plural string, claims bool) error {
	one := strings.TrimSuffix(plural, "s")
	text := scaleTemplate
	if claims {
		text = strings.ReplaceAll(text, "CLAIMS", scaleClaims)
	}
	names := strings.NewReplacer("NAME", plural, "ONE", one, "KIND", kind(plural), "CLAIMS", "")
	return errors.Join(s.Provider.ApplyYAML(ctx, []byte(names.Replace(scaleCRD))), s.Provider.ApplyYAML(ctx, []byte(names.Replace(text))))
}

func kind(plural string) string { return strings.ToUpper(plural[:1]) + plural[1:] }

func referring(namespace, name, secret string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "wildwest.dev/v1", "kind": kind("ranches"), "spec": map[string]any{"secret": secret},
		"metadata": map[string]any{"namespace": namespace, "name": name},
	}}
}

// eventually waits until an object of the provider is there.
func (s *scale) eventually(ctx context.Context, o client.Object) error {
	return wait.PollUntilContextCancel(ctx, 2*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		err := s.Provider.Client.Get(ctx, client.ObjectKeyFromObject(o), o)
		return err == nil, client.IgnoreNotFound(err)
	})
}

func secretNamed(namespace, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func (s *scale) there(namespace string) string { return s.place.Namespace + "-" + namespace }

// share creates a Secret and waits for its copy, which it has because something refers to it.
func (s *scale) share(ctx context.Context, name string) error {
	if err := s.Consumer.Client.Create(ctx, secretNamed("team", name)); err != nil {
		return err
	}
	return s.eventually(ctx, secretNamed(s.there("team"), name))
}

// references measures with objects that refer to a hundred Secrets.
func (s *scale) references(ctx context.Context, r *scaleResults) error {
	if err := s.Consumer.EnsureNamespace(ctx, "team"); err != nil {
		return err
	}
	all := names("r", r.Referring)
	err := each(all, func(name string) error {
		return s.Consumer.Client.Create(ctx, referring("team", name, "s"+name[len(name)-2:]))
	})
	if err != nil {
		return err
	}
	if err := s.eventually(ctx, referring(s.there("team"), all[len(all)-1], "")); err != nil {
		return err
	}
	start := time.Now()
	if err := s.restart(ctx); err != nil {
		return err
	}
	if err := s.Consumer.Client.Create(ctx, referring("team", "canary", "canary")); err != nil {
		return err
	}
	if err := s.share(ctx, "canary"); err != nil {
		return err
	}
	r.ReferenceStartS = time.Since(start).Seconds()
	return s.changeReference(ctx, r, all[0])
}

func (s *scale) restart(ctx context.Context) error {
	if err := s.Konnector().Stop(); err != nil {
		return err
	}
	return s.StartKonnector()
}

// changeReference lets one object refer to another Secret, which is there already.
func (s *scale) changeReference(ctx context.Context, r *scaleResults, name string) error {
	if err := s.Consumer.Client.Create(ctx, secretNamed("team", "moved")); err != nil {
		return err
	}
	counts := func() (int, int, time.Duration, error) {
		here, err := pair.CountRequests(ctx, s.Consumer, "secrets")
		if err != nil {
			return 0, 0, 0, err
		}
		there, err := pair.CountRequests(ctx, s.Provider, "secrets")
		if err != nil {
			return 0, 0, 0, err
		}
		cpu, err := cpuTime(s.Konnector().PID())
		return here.Writes() + there.Writes(), here.Reads() + there.Reads(), cpu, err
	}
	// What the start has begun must not count: it is over when nothing more is asked for a while.
	writes, reads, cpu, quiet := 0, 0, time.Duration(0), 0
	err := wait.PollUntilContextCancel(ctx, 250*time.Millisecond, true, func(context.Context) (_ bool, err error) {
		before := reads
		writes, reads, cpu, err = counts()
		if quiet++; reads != before {
			quiet = 0
		}
		return quiet >= 4, err
	})
	if err != nil {
		return err
	}
	start := time.Now()
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"secret":"moved"}}`))
	if err := s.Consumer.Client.Patch(ctx, referring("team", name, ""), patch); err != nil {
		return err
	}
	events, err := s.awaitCopy(ctx, secretNamed(s.there("team"), "moved"))
	if err != nil {
		return err
	}
	r.ReferenceMs = float64(time.Since(start).Microseconds()) / 1000
	after, afterReads, afterCPU, err := counts()
	if err != nil {
		return err
	}
	r.ReferenceWrites, r.ReferenceReads = after-writes, afterReads-reads-events
	r.ReferenceCPUMs = float64((afterCPU - cpu).Microseconds()) / 1000
	return nil
}

// awaitCopy is eventually, and says how many reads that took, which are not the konnector's.
func (s *scale) awaitCopy(ctx context.Context, o client.Object) (reads int, err error) {
	err = wait.PollUntilContextCancel(ctx, 2*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		reads++
		err := s.Provider.Client.Get(ctx, client.ObjectKeyFromObject(o), o)
		return err == nil, client.IgnoreNotFound(err)
	})
	return reads, err
}

// namespaces measures with many consumer namespaces, each watched on the provider by itself.
func (s *scale) namespaces(ctx context.Context, r *scaleResults) error {
	var took []time.Duration
	for i := range r.Namespaces {
		name := fmt.Sprint("ns-", i)
		if err := s.Consumer.EnsureNamespace(ctx, name); err != nil {
			return err
		}
		start := time.Now()
		if err := s.Consumer.Client.Create(ctx, referring(name, "one", "")); err != nil {
			return err
		}
		if err := s.eventually(ctx, referring(s.there(name), "one", "")); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	// The last ones count: they come when there are many.
	last := took[len(took)*3/4:]
	slices.Sort(last)
	r.NamespaceP50Ms = float64(last[len(last)/2].Microseconds()) / 1000
	var err error
	if r.NamespaceKB, err = settledKB(ctx, s.Konnector().PID()); err != nil {
		return err
	}
	r.NamespaceWatches, err = watches(ctx, s.Provider)
	return err
}

// exports binds many exports by one kubeconfig.
func (s *scale) exports(ctx context.Context, r *scaleResults) error {
	identity, err := s.Consumer.ClusterUID(ctx)
	if err != nil {
		return err
	}
	for i := range r.Exports {
		name := fmt.Sprintf("x%ds", i)
		if err := s.offer(ctx, name, false); err != nil {
			return err
		}
		if _, err := s.Request(ctx, name, name, identity); err != nil {
			return err
		}
		if err := s.CreateBinding(ctx, name, "ranches"); err != nil {
			return err
		}
		if _, err := s.WaitBinding(ctx, name, kubebindv1alpha2.ConditionReady, metav1.ConditionTrue, ""); err != nil {
			return err
		}
	}
	if r.ExportKB, err = settledKB(ctx, s.Konnector().PID()); err != nil {
		return err
	}
	if r.ExportWatches, err = watches(ctx, s.Provider); err != nil {
		return err
	}
	r.Goroutines, err = s.goroutines(ctx)
	return err
}

// watches counts the watches that an API server serves of exported and claimed resources.
func watches(ctx context.Context, side *pair.Side) (int, error) {
	c, err := kubernetes.NewForConfig(side.Config())
	if err != nil {
		return 0, err
	}
	body, err := c.Discovery().RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n := 0
	err = gauges(body, "apiserver_longrunning_requests", func(labels map[string]string, value int) {
		if labels["verb"] == "WATCH" && (labels["group"] == "wildwest.dev" || labels["resource"] == "secrets") {
			n += value
		}
	})
	return n, err
}

func (s *scale) goroutines(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.metrics, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	n := 0
	err = gauges(response.Body, "go_goroutines", func(_ map[string]string, value int) { n = value })
	return n, err
}

// gauges reads one gauge, in all its variants.
func gauges(body io.Reader, name string, f func(labels map[string]string, value int)) error {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return fmt.Errorf("reading metrics: %w", err)
	}
	for _, m := range families[name].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		f(labels, int(m.GetGauge().GetValue()))
	}
	return nil
}
