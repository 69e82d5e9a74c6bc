// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
	"kube-bind.io/kube-bind/test/wild"
)

// kcpResults are what a provider on kcp costs.
type kcpResults struct {
	// Sync is the konnector's, with a workspace of its own as the place.
	Sync *syncResults `json:"sync"`
	// Workspaces are the backend's resident memory in KB by how many provider workspaces it serves.
	Workspaces []workspacesKB `json:"workspaces"`
	// Places are what it takes to place consumers in workspaces of their own.
	Places []placing `json:"places"`
}

// placing is what it takes to place so many consumers, some at a time: the seconds per consumer of the whole time, and those
// that one consumer has to wait, from the request to the answer with an export that is ready.
type placing struct {
	// Beside is how many workspaces the backend serves already.
	Beside    int     `json:"workspacesBefore"`
	Consumers int     `json:"consumers"`
	Together  int     `json:"together"`
	Each      float64 `json:"secondsEach"`
	P50       float64 `json:"p50Seconds"`
	Max       float64 `json:"maxSeconds"`
}

type workspacesKB struct {
	Count int `json:"count"`
	KB    int `json:"kb"`
}

func (r *kcpResults) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer t.Flush()
	fmt.Fprintf(t, "\nprovider workspaces\tbackend MB\t\n")
	for _, at := range r.Workspaces {
		fmt.Fprintf(t, "%d\t%.1f\t\n", at.Count, float64(at.KB)/1024)
	}
	fmt.Fprintf(t, "\nworkspaces before\tconsumers placed\tat a time\ts each\tp50 s\tmax s\t\n")
	for _, p := range r.Places {
		fmt.Fprintf(t, "%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t\n", p.Beside, p.Consumers, p.Together, p.Each, p.P50, p.Max)
	}
}

// missed returns the goals that were not reached.
func (r *kcpResults) missed() error {
	errs := []error{r.Sync.missed()}
	for _, p := range r.Places {
		if p.judged() && p.Each > maxPlacing {
			errs = append(errs, fmt.Errorf("missed: %.2f s to place each of %d consumers, %d at a time, should be %.2f", p.Each, p.Consumers, p.Together, maxPlacing))
		}
	}
	return errors.Join(errs...)
}

// judged tells whether the goal is about these: kcp itself is slower with many workspaces, and with the first that binds an API.
func (p *placing) judged() bool { return p.Consumers > 1 && p.Beside < manyWorkspaces }

// manyWorkspaces is from where on what a backend serves is a load of its own.
const manyWorkspaces = 100

// kcpBench is a kcp with a backend.
type kcpBench struct {
	*wild.Wild
	backend *controlplane.Process
	metrics string
	first   *wild.Provider
	count   int // of workspaces that the backend serves
}

// measureKCP measures the same as with a plain provider, and what a backend on kcp costs.
func measureKCP(ctx context.Context, n sizes, results *results) error {
	r := &kcpResults{}
	results.KCP = r
	var err error
	if r.Sync, err = measureSync(ctx, n, pair.KCPWorkspace); err != nil {
		return err
	}
	r.Sync.print(os.Stdout, "The provider is a kcp, and the place a workspace.")
	if err := onKCP(ctx, func(ctx context.Context, b *kcpBench) error { return b.places(ctx, r, n.consumers) }); err != nil {
		return err
	}
	if err := onKCP(ctx, func(ctx context.Context, b *kcpBench) error { return b.many(ctx, r, n) }); err != nil {
		return err
	}
	r.print(os.Stdout)
	return nil
}

// onKCP measures something of a backend that nobody has used yet.
func onKCP(ctx context.Context, measure func(context.Context, *kcpBench) error) (err error) {
	fmt.Fprintln(os.Stderr, "Starting kcp and the backend.")
	logs, err := os.MkdirTemp("", "kube-bind-bench-")
	if err != nil {
		return err
	}
	w, err := wild.Start(ctx, controlplane.Options{Name: "kcp", LogDir: logs})
	if err != nil {
		return err
	}
	b := &kcpBench{Wild: w}
	defer func() {
		if b.backend != nil {
			err = errors.Join(err, b.backend.Stop())
		}
		err = errors.Join(err, w.Stop())
		if err == nil {
			err = os.RemoveAll(logs)
		}
	}()
	ctx, cancel := context.WithCancel(ctx) // what follows objects ends before kcp does
	defer cancel()
	if err := b.start(ctx, logs); err != nil {
		return err
	}
	return measure(ctx, b)
}

// start starts the backend.
func (b *kcpBench) start(ctx context.Context, logs string) error {
	bin, err := pair.Build(ctx, logs)
	if err != nil {
		return err
	}
	raw, err := b.BackendKubeconfig()
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(logs, "backend.kubeconfig")
	if err := os.WriteFile(kubeconfig, raw, 0o600); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	b.metrics = "http://" + address + "/metrics"
	b.backend, err = controlplane.StartProcess(controlplane.ProcessOptions{
		Path: filepath.Join(bin, "kube-bind-backend"), LogFile: filepath.Join(logs, "backend.log"),
		Args: []string{
			"--kubeconfig", kubeconfig, "--provider", "kcp", "--namespace-prefix", "kube-bind-", "--frontend-disabled", "--lease-namespace", "kube-bind",
			"--metrics-address", address,
		},
	})
	return err
}

// many serves ever more provider workspaces, and then places some consumers beside them.
func (b *kcpBench) many(ctx context.Context, r *kcpResults, n sizes) error {
	for _, count := range n.workspaces {
		fmt.Fprintf(os.Stderr, "%d provider workspaces.\n", count)
		if err := b.provide(ctx, count); err != nil {
			return err
		}
		if err := b.served(ctx, count); err != nil {
			return err
		}
		kb, err := residentKB(b.backend.PID())
		if err != nil {
			return err
		}
		r.Workspaces = append(r.Workspaces, workspacesKB{count, kb})
	}
	return b.place(ctx, r, placing{Consumers: 1, Together: 1}, placing{Consumers: max(2, n.consumers/5), Together: 1})
}

// provide sees to it that there are so many provider workspaces.
func (b *kcpBench) provide(ctx context.Context, count int) error {
	for ; b.count < count; b.count++ {
		p, err := b.NewProvider(ctx, fmt.Sprintf("provider-%d", b.count))
		if err != nil {
			return err
		}
		if b.first == nil {
			b.first = p
		}
	}
	return nil
}

// served waits until the backend knows that many workspaces, and a template in the last of them is looked at.
func (b *kcpBench) served(ctx context.Context, count int) error {
	crd, err := exampleCRD(ctx)
	if err != nil {
		return err
	}
	last, err := b.Client(fmt.Sprintf("root:provider-%d", count-1))
	if err != nil {
		return err
	}
	template := wild.Template(crd)
	if err := client.IgnoreAlreadyExists(last.Create(ctx, template)); err != nil {
		return fmt.Errorf("creating a template: %w", err)
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := last.Get(ctx, client.ObjectKeyFromObject(template), template)
		return err == nil && len(template.Status.Conditions) > 0, err
	})
}

// places makes places for consumers, one after the other and then several at a time.
func (b *kcpBench) places(ctx context.Context, r *kcpResults, count int) error {
	if err := b.provide(ctx, 1); err != nil {
		return err
	}
	// kcp takes five seconds to serve an API that a workspace is the first to bind.
	return b.place(ctx, r, placing{Consumers: 1, Together: 1}, placing{Consumers: count, Together: 1}, placing{Consumers: count, Together: writers})
}

// place has the first provider offer the example, and places consumers.
func (b *kcpBench) place(ctx context.Context, r *kcpResults, all ...placing) error {
	crd, err := exampleCRD(ctx)
	if err != nil {
		return err
	}
	if err := b.first.Export(ctx, crd); err != nil {
		return err
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "requests"}}
	if err := b.first.Create(ctx, ns); err != nil {
		return fmt.Errorf("making the namespace of requests: %w", err)
	}
	requests, err := dynamic.NewForConfig(b.Config(b.first.Path))
	if err != nil {
		return err
	}
	answers, err := follow(ctx, requests.Resource(kubebindv1alpha2.GroupVersion.WithResource("bindableresourcesrequests")).Namespace(ns.Name))
	if err != nil {
		return fmt.Errorf("watching requests: %w", err)
	}
	for _, p := range all {
		fmt.Fprintf(os.Stderr, "Consumers: %d, %d at a time.\n", p.Consumers, p.Together)
		p.Beside = b.count
		if err := p.measure(fmt.Sprintf("consumer-%d-%d", p.Consumers, p.Together), func(name string) error {
			return b.ask(ctx, answers, ns.Name, name, crd.Spec.Names.Plural)
		}); err != nil {
			return err
		}
		b.count += p.Consumers
		r.Places = append(r.Places, p)
	}
	return nil
}

// measure places the consumers.
func (p *placing) measure(prefix string, place func(name string) error) error {
	var mu sync.Mutex
	var waits []time.Duration
	whole, err := timed(func() error {
		return eachBy(p.Together, names(prefix, p.Consumers), func(name string) error {
			wait, err := timed(func() error { return place(name) })
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, wait)
			return err
		})
	})
	if err != nil {
		return err
	}
	slices.Sort(waits)
	p.Each, p.P50, p.Max = whole.Seconds()/float64(p.Consumers), waits[(len(waits)-1)/2].Seconds(), waits[len(waits)-1].Seconds()
	return nil
}

// ask asks for a place, and waits for the answer.
func (b *kcpBench) ask(ctx context.Context, answers *follower, namespace, name, template string) error {
	request := &kubebindv1alpha2.BindableResourcesRequest{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request.Spec = kubebindv1alpha2.BindableResourcesRequestSpec{
		Author: "bench", ClusterIdentity: kubebindv1alpha2.ClusterIdentity{Identity: name},
		TemplateRef:         &kubebindv1alpha2.TemplateReference{Name: template},
		KubeconfigSecretRef: &kubebindv1alpha2.LocalSecretKeyRef{Name: name, Key: "response"},
	}
	if err := b.first.Create(ctx, request); err != nil {
		return fmt.Errorf("asking for a place: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := answers.wait(ctx, []string{name}, succeeded); err != nil {
		return fmt.Errorf("waiting for the place of %s: %w", name, err)
	}
	return nil
}

func succeeded(request *unstructured.Unstructured) bool {
	if request == nil {
		return false
	}
	phase, _, _ := unstructured.NestedString(request.Object, "status", "phase")
	return phase == string(kubebindv1alpha2.PhaseSucceeded)
}

// exampleCRD is that of the example API.
func exampleCRD(ctx context.Context) (*apiextensionsv1.CustomResourceDefinition, error) {
	file, err := pair.Example(ctx, "crd-cowboys.yaml")
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal(raw, crd); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return crd, nil
}
