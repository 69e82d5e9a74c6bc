// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	_ "embed"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// nodeName is the node of a control plane with workloads.
const nodeName = "pretended"

//go:embed stages.yaml
var stages []byte

// startWorkloads starts a scheduler, and a program that plays a node. Nothing waits for them but waitForNode.
func (c *ControlPlane) startWorkloads(ctx context.Context) error {
	if err := c.write(stagesFile, stages); err != nil {
		return err
	}
	if err := c.withNodes(func(nodes typedcorev1.NodeInterface) error { return addNode(ctx, nodes) }); err != nil {
		return fmt.Errorf("making the node: %w", err)
	}
	if err := c.fleet.launch(schedulerName, schedulerArgs()); err != nil {
		return err
	}
	return c.fleet.launch(kwokName, kwokArgs())
}

// addNode makes the node, and lets Pods on it: the API server taints a new node, and the controller that would take the
// taint off is not among ours.
func addNode(ctx context.Context, nodes typedcorev1.NodeInterface) error {
	node, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: nodeName,
		Labels: map[string]string{
			corev1.LabelHostname:   nodeName,
			corev1.LabelOSStable:   "linux",
			corev1.LabelArchStable: "amd64",
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	node.Spec.Taints = nil
	_, err = nodes.Update(ctx, node, metav1.UpdateOptions{})
	return err
}

// waitForNode waits until the node is ready. It fails early if a process of the control plane ends.
func (c *ControlPlane) waitForNode(ctx context.Context) error {
	return c.withNodes(func(nodes typedcorev1.NodeInterface) error {
		err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
			if err := c.fleet.casualty(); err != nil {
				return false, err
			}
			node, err := nodes.Get(ctx, nodeName, metav1.GetOptions{})
			return err == nil && slices.ContainsFunc(node.Status.Conditions, isReady), err
		})
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("waiting for the node: %w", err)
		}
		return nil
	})
}

func isReady(condition corev1.NodeCondition) bool {
	return condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
}

// withNodes gives the administrator's access to nodes to a function, and closes its connections afterwards.
func (c *ControlPlane) withNodes(do func(typedcorev1.NodeInterface) error) error {
	own, err := c.httpClient()
	if err != nil {
		return err
	}
	defer own.CloseIdleConnections()
	client, err := typedcorev1.NewForConfigAndClient(c.Config(), own)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	return do(client.Nodes())
}
