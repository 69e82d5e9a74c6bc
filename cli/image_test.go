// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
	"kube-bind.io/kube-bind/deploy/konnector"
)

// testUnversioned: a program that was built from source has no image of its konnector, and says so before anything is made.
func testUnversioned(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	source := *s.terminal
	source.options.Version = ""
	for _, args := range [][]string{nil, {"--dry-run"}, {"--downgrade-konnector"}} {
		source.run(t.Context(), append([]string{"--template", "cowboys", "--yes"}, args...)...).wants(t, ExitUsage,
			"this program was built without a version, and there is no image of its konnector", "--konnector-image", "--skip-konnector")
		if s.has(t, &corev1.Namespace{}, "", kubebindv1alpha2.ConsumerNamespace) || s.asked.Load() > 0 {
			t.Errorf("with %v something was made", args)
		}
	}
}

// testStuck: who waits for a konnector whose image cannot be pulled is told, and a program without a version leaves it as it is.
func testStuck(t *testing.T, s *stage) {
	s.plays(true, true, true, true)
	bind := []string{"--template", "cowboys", "--name", "stuck", "--yes"}
	s.run(t.Context(), append(bind, "--konnector-image", "mine:3")...).wants(t, ExitOK, "Resources bound successfully!")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: kubebindv1alpha2.ConsumerNamespace, Name: "konnector-0", Labels: map[string]string{
			"app.kubernetes.io/name": konnector.Name, "app.kubernetes.io/part-of": "kube-bind",
		}},
		Spec: corev1.PodSpec{ServiceAccountName: konnector.Name, Containers: []corev1.Container{{Name: konnector.Name, Image: "mine:4"}}},
	}
	if err := s.client.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	waits := func(reason, message string) {
		t.Helper()
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: konnector.Name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
		if err := s.client.Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	s.plays(true, false, true, true)
	args := append(bind, "--konnector-image", "mine:4", "--timeout", "1s")
	waits("ImagePullBackOff", `Back-off pulling image "mine:4"`)
	const told = `; the Pod konnector-0 waits: ImagePullBackOff: Back-off pulling image "mine:4"`
	s.run(t.Context(), args...).wants(t, ExitTimeout, "   0 of 2 replicas are ready"+told, "waiting for the konnector to run took longer than 1s: 0 of 2 replicas are ready"+told)
	waits("ContainerCreating", "")
	s.run(t.Context(), args...).wants(t, ExitTimeout, "took longer than 1s: 0 of 2 replicas are ready\n")
	s.plays(true, true, true, true)
	source := *s.terminal
	source.options.Version = ""
	source.run(t.Context(), bind...).wants(t, ExitOK, "stays as it is (mine:4)")
	if err := s.client.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}
