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
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
	"kube-bind.io/kube-bind/test/wild"
)

// kcpResults say how a backend on kcp grows.
type kcpResults struct {
	// Workspaces are the backend's resident memory in KB by how many provider workspaces it serves.
	Workspaces []workspacesKB `json:"workspaces"`
	// Consumers that were placed in workspaces of their own, one after the other, and the seconds that took, from the request to
	// the answer with an export that is ready.
	Consumers int     `json:"consumers"`
	PlaceP50S float64 `json:"placeP50Seconds"`
	PlaceMaxS float64 `json:"placeMaxSeconds"`
	AverageS  float64 `json:"placeAverageSeconds"`
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
	fmt.Fprintf(t, "\nconsumers placed\taverage s\tp50 s\tmax s\t\n")
	fmt.Fprintf(t, "%d\t%.2f\t%.2f\t%.2f\t\n", r.Consumers, r.AverageS, r.PlaceP50S, r.PlaceMaxS)
}

// kcpBench is a kcp with a backend.
type kcpBench struct {
	*wild.Wild
	backend *controlplane.Process
	metrics string
	first   *wild.Provider
}

// measureKCP measures what a backend on kcp costs.
func measureKCP(ctx context.Context, n sizes) (_ *kcpResults, err error) {
	fmt.Fprintln(os.Stderr, "Starting kcp and the backend.")
	logs, err := os.MkdirTemp("", "kube-bind-bench-")
	if err != nil {
		return nil, err
	}
	w, err := wild.Start(ctx, controlplane.Options{Name: "kcp", LogDir: logs})
	if err != nil {
		return nil, err
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
	if err := b.start(ctx, logs); err != nil {
		return nil, err
	}
	r := &kcpResults{}
	if err := b.memory(ctx, r, n.workspaces); err != nil {
		return nil, err
	}
	return r, b.places(ctx, r, n.consumers)
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

// memory serves ever more provider workspaces.
func (b *kcpBench) memory(ctx context.Context, r *kcpResults, counts []int) error {
	have := 0
	for _, count := range counts {
		fmt.Fprintf(os.Stderr, "%d provider workspaces.\n", count)
		for ; have < count; have++ {
			p, err := b.NewProvider(ctx, fmt.Sprintf("provider-%d", have))
			if err != nil {
				return err
			}
			if b.first == nil {
				b.first = p
			}
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

// places makes places for consumers, one after the other.
func (b *kcpBench) places(ctx context.Context, r *kcpResults, count int) error {
	fmt.Fprintf(os.Stderr, "%d consumers.\n", count)
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
	var took []time.Duration
	for i := range count {
		start := time.Now()
		if err := b.place(ctx, ns.Name, fmt.Sprintf("consumer-%d", i), crd.Spec.Names.Plural); err != nil {
			return err
		}
		took = append(took, time.Since(start))
		if took[i] > 3*time.Second {
			fmt.Fprintf(os.Stderr, "consumer %d took %s\n", i, took[i])
		}
	}
	r.Consumers = count
	var sum time.Duration
	for _, t := range took {
		sum += t
	}
	slices.Sort(took)
	r.AverageS, r.PlaceP50S, r.PlaceMaxS = sum.Seconds()/float64(count), took[count/2].Seconds(), took[count-1].Seconds()
	return nil
}

func (b *kcpBench) place(ctx context.Context, namespace, name, template string) error {
	request := &kubebindv1alpha2.BindableResourcesRequest{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request.Spec = kubebindv1alpha2.BindableResourcesRequestSpec{
		Author: "bench", ClusterIdentity: kubebindv1alpha2.ClusterIdentity{Identity: name},
		TemplateRef:         &kubebindv1alpha2.TemplateReference{Name: template},
		KubeconfigSecretRef: &kubebindv1alpha2.LocalSecretKeyRef{Name: name, Key: "response"},
	}
	if err := b.first.Create(ctx, request); err != nil {
		return fmt.Errorf("asking for a place: %w", err)
	}
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		err := b.first.Get(ctx, client.ObjectKeyFromObject(request), request)
		return request.Status.Phase == kubebindv1alpha2.PhaseSucceeded, err
	})
	if err != nil {
		return fmt.Errorf("waiting for the place of %s (%+v): %w", name, request.Status, err)
	}
	return nil
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
