// SPDX-License-Identifier: Apache-2.0

package pair

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// podsTimeout is how long the Pods may take.
const podsTimeout = 2 * time.Minute

// PlayKonnectorPods waits for the Pods of a deployed konnector, and starts the konnector as they would run it: with their
// ServiceAccount, whose kubeconfig is written to file. The pair needs Options.Workloads.
func (p *Pair) PlayKonnectorPods(ctx context.Context, file string) error {
	if err := p.awaitKonnectorPods(ctx); err != nil {
		return err
	}
	raw, err := p.Consumer.AccountKubeconfig(ctx, kubebindv1alpha2.ConsumerNamespace, konnector.Name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return fmt.Errorf("writing the konnector's kubeconfig: %w", err)
	}
	return p.StartKonnector("--kubeconfig", file, "--lease-namespace", kubebindv1alpha2.ConsumerNamespace)
}

func (p *Pair) awaitKonnectorPods(ctx context.Context) error {
	running := 0
	err := wait.PollUntilContextTimeout(ctx, pollInterval, podsTimeout, true, func(ctx context.Context) (bool, error) {
		pods := &corev1.PodList{}
		if err := p.Consumer.Client.List(ctx, pods); err != nil {
			return false, err
		}
		running = 0
		for i := range pods.Items {
			if pods.Items[i].Status.Phase == corev1.PodRunning && pods.Items[i].Spec.ServiceAccountName == konnector.Name {
				running++
			}
		}
		return running == konnector.Replicas, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the konnector's Pods (%d run): %w", running, err)
	}
	return nil
}
