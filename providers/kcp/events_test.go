// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	kubebindv1alpha2 "kube-bind.io/kube-bind/apis/kubebind/v1alpha2"
)

// The log says which object an Event is about, and the Event is recorded as it is. What it says is not for the log.
func TestEventsAreLoggedWithTheirObject(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := kubebindv1alpha2.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var logged []string
	log := funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{Verbosity: 1})
	recorder := events.NewFakeRecorder(1)
	n := &narrator{EventRecorder: recorder, log: log, scheme: scheme}
	about := &kubebindv1alpha2.ClusterBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-bind-1", Name: "cluster"}}
	n.Eventf(about, nil, corev1.EventTypeWarning, "HeartbeatTimeout", "Reconcile", "its %s", "words")
	if event := <-recorder.Events; event != "Warning HeartbeatTimeout its words" {
		t.Errorf("recorded %q", event)
	}
	if len(logged) != 1 {
		t.Fatalf("logged %q", logged)
	}
	for _, part := range []string{`"kind"="ClusterBinding"`, `"namespace"="kube-bind-1"`, `"name"="cluster"`, `"reason"="HeartbeatTimeout"`} {
		if !strings.Contains(logged[0], part) {
			t.Errorf("there is no %s in %s", part, logged[0])
		}
	}
	if strings.Contains(logged[0], "words") {
		t.Errorf("the words are in the log: %s", logged[0])
	}
}
