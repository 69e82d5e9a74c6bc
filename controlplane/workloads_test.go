// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// checkPrograms looks which programs run.
func checkPrograms(t *testing.T, c *ControlPlane, want ...string) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(c.PIDs())); !slices.Equal(got, want) {
		t.Errorf("the programs %v run, want %v", got, want)
	}
}

// TestWorkloads sees a Deployment from its creation to its end, on a control plane whose API server is away for a while.
func TestWorkloads(t *testing.T) {
	begin := time.Now()
	c, err := Start(t.Context(), Options{Name: "workloads", LogDir: t.ArtifactDir(), Workloads: true})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, c)
	t.Logf("the control plane was ready after %s", time.Since(begin).Round(time.Millisecond))
	checkPrograms(t, c, etcdName, apiServerName, controllerManagerName, schedulerName, kwokName)
	client := newClient(t, c.Config())

	begin = time.Now()
	createDeployment(t, client, 2)
	eventually(t, "the Deployment is available with 2 replicas", func() bool { return available(t, client, 2) })
	t.Logf("the Deployment was available after %s", time.Since(begin).Round(time.Millisecond))
	eventually(t, "2 Pods run on the node", func() bool { return running(t, client) == 2 })

	if err := c.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := c.StartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	scale(t, client, 3)
	eventually(t, "the Deployment is available with 3 replicas", func() bool { return available(t, client, 3) })
	scale(t, client, 1)
	eventually(t, "1 Pod is left", func() bool { return len(pods(t, client)) == 1 })
	if err := client.AppsV1().Deployments("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no Pod is left", func() bool { return len(pods(t, client)) == 0 })
}

func createDeployment(t *testing.T, client kubernetes.Interface, replicas int32) {
	t.Helper()
	labels := map[string]string{"app": "web"}
	_, err := client.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					InitContainers: []corev1.Container{{Name: "prepare", Image: "example.org/prepare:1"}},
					Containers:     []corev1.Container{{Name: "serve", Image: "example.org/serve:1"}},
				},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// available tells whether the Deployment says that it is, as a user would look at it.
func available(t *testing.T, client kubernetes.Interface, replicas int32) bool {
	t.Helper()
	d, err := client.AppsV1().Deployments("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Status.ObservedGeneration == d.Generation && d.Status.AvailableReplicas == replicas &&
		slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
			return c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue
		})
}

func scale(t *testing.T, client kubernetes.Interface, replicas int32) {
	t.Helper()
	s, err := client.AppsV1().Deployments("default").GetScale(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Spec.Replicas = replicas
	if _, err := client.AppsV1().Deployments("default").UpdateScale(t.Context(), "web", s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func pods(t *testing.T, client kubernetes.Interface) []corev1.Pod {
	t.Helper()
	list, err := client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// running counts the Pods that look as if they ran.
func running(t *testing.T, client kubernetes.Interface) int {
	t.Helper()
	count := 0
	for _, pod := range pods(t, client) {
		ready := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
		statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
		if ready && pod.Status.Phase == corev1.PodRunning && pod.Spec.NodeName == nodeName && pod.Status.PodIP != "" && len(statuses) == 2 {
			count++
		}
	}
	return count
}

func TestWorkloadsAreOffByDefault(t *testing.T) {
	for workloads, want := range map[bool]int{false: 0, true: 1} {
		arguments := strings.Join(controllerManagerArgs(workloads), " ")
		for _, controller := range []string{"deployment-controller", "replicaset-controller"} {
			if got := strings.Count(arguments, controller); got != want {
				t.Errorf("with Workloads: %t the arguments name the %s %d times: %s", workloads, controller, got, arguments)
			}
		}
	}
}

// TestNodeThatIsNotPlayed has a program that plays the node die, between others that do not.
func TestNodeThatIsNotPlayed(t *testing.T) {
	bin, err := BinDir()
	if err != nil {
		t.Fatal(err)
	}
	scripts := map[string]string{kwokName: "echo no stages; exit 4"}
	for _, name := range []string{etcdName, apiServerName, controllerManagerName, schedulerName} {
		scripts[name] = fmt.Sprintf(`exec "%s/%s" "$@"`, bin, name)
	}
	_, err = Start(t.Context(), Options{BinDir: writeBinaries(t, scripts), Workloads: true})
	if err == nil || !strings.Contains(err.Error(), "kwok has ended (exit status 4)") || !strings.Contains(err.Error(), "no stages") {
		t.Errorf("Start returned %v, want the end of kwok and its last words", err)
	}
}
