// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/controlplane"
	"kube-bind.io/kube-bind/test/pair"
)

const (
	startTimeout = 3 * time.Minute
	timeout      = time.Minute
	poll         = 50 * time.Millisecond
	// restricted is the namespace of releases. No Pod is let in that is not as careful as can be.
	restricted = "kube-bind"
)

// shared is the cluster of all tests of this package, with one node.
var shared *pair.Side

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	plane, err := controlplane.Start(ctx, controlplane.Options{Name: "charts", Workloads: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting a control plane:", err)
		return 1
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the control plane:", err)
		}
	}()
	c, err := pair.Client(plane.Config())
	if err == nil {
		shared = &pair.Side{Plane: plane, Client: c}
		err = c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: restricted, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "preparing the cluster:", err)
		return 1
	}
	return m.Run()
}

// releaseOf is a release in the shared cluster.
func releaseOf(chart string, values map[string]any) *Release {
	return &Release{Chart: chart, Name: "kube-bind", Namespace: restricted, Values: values, Kubeconfig: shared.KubeconfigFile()}
}

// exists tells whether the cluster has an object.
func exists(t *testing.T, o client.Object) bool {
	t.Helper()
	err := shared.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return err == nil
}
