// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// step is something that a user does. Its command runs in a shell, with kubectl in the PATH and the two kubeconfigs in
// $PROVIDER and $CONSUMER.
type step struct {
	say, command string
	// show is something that must be in what the command prints.
	show string
}

// walk does all steps, prints each, and fails at the first that fails or does not show what it should.
func (w *world) walk(ctx context.Context) error {
	for i, s := range slices.Concat(providerSteps(), consumerSteps(), objectSteps()) {
		say("%d. %s", i+1, s.say)
		fmt.Println("   $ " + strings.ReplaceAll(s.command, "\n", "\n     "))
		cmd := exec.CommandContext(ctx, "sh", "-ec", s.command)
		cmd.Env = append(os.Environ(), "PATH="+w.bin+string(os.PathListSeparator)+os.Getenv("PATH"),
			"PROVIDER="+w.file(providerKubeconfig), "CONSUMER="+w.file(consumerKubeconfig), "WORK="+w.dir)
		var printed bytes.Buffer
		cmd.Stdout = io.MultiWriter(os.Stdout, &printed)
		cmd.Stderr = cmd.Stdout
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if !strings.Contains(printed.String(), s.show) {
			return fmt.Errorf("step %d did not show %q", i+1, s.show)
		}
	}
	return nil
}

// providerSteps end with a kubeconfig for the consumer.
func providerSteps() []step {
	return []step{
		{
			say:     "The provider offers an API: a CRD with the label kube-bind.io/exported, and a template that consumers may bind.",
			command: `kubectl --kubeconfig=$PROVIDER apply -f deploy/examples/crd-cowboys.yaml -f deploy/examples/template-cowboys.yaml`,
			show:    "cowboys",
		},
		{
			say: "The consumer is told apart by the UID of its kube-system namespace. Somebody whom the provider trusts asks for a binding.",
			command: `IDENTITY=$(kubectl --kubeconfig=$CONSUMER get namespace kube-system -o jsonpath={.metadata.uid})
kubectl --kubeconfig=$PROVIDER apply -f - <<END
apiVersion: kube-bind.io/v1alpha2
kind: BindableResourcesRequest
metadata:
  name: cowboys
  namespace: default
spec:
  author: demo
  templateRef:
    name: cowboys
  clusterIdentity:
    identity: $IDENTITY
END
kubectl --kubeconfig=$PROVIDER wait bindableresourcesrequest/cowboys --for=jsonpath={.status.phase}=Succeeded --timeout=60s`,
			show: "condition met",
		},
		{
			say: "The answer is a place at the provider, with a kubeconfig for just that place.",
			command: `PLACE=$(kubectl --kubeconfig=$PROVIDER get bindableresourcesrequest/cowboys -o jsonpath={.status.namespace})
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE get secret kubeconfig -o go-template='{{.data.kubeconfig | base64decode}}' > $WORK/cowboys.kubeconfig
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE wait apiserviceexport/cowboys --for=create --timeout=60s
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE get apiserviceexports,boundschemas`,
			show: "cowboys.wildwest.dev",
		},
	}
}

// consumerSteps begin with that kubeconfig and end with the API.
func consumerSteps() []step {
	return []step{
		{
			say: "The consumer's admin saves the kubeconfig and binds.",
			command: `kubectl --kubeconfig=$CONSUMER create namespace kube-bind
kubectl --kubeconfig=$CONSUMER --namespace=kube-bind create secret generic cowboys --from-file=kubeconfig=$WORK/cowboys.kubeconfig
kubectl --kubeconfig=$CONSUMER apply -f - <<END
apiVersion: kube-bind.io/v1alpha2
kind: APIServiceBinding
metadata:
  name: cowboys
spec:
  kubeconfigSecretRef:
    namespace: kube-bind
    name: cowboys
    key: kubeconfig
END
kubectl --kubeconfig=$CONSUMER wait apiservicebinding/cowboys --for=jsonpath='{.status.conditions[?(@.type=="Ready")].status}'=True --timeout=60s
kubectl --kubeconfig=$CONSUMER get apiservicebindings`,
			show: "BigCorp.com",
		},
	}
}

// objectSteps are the life of an object.
func objectSteps() []step {
	return []step{
		{
			say: "The API is there. A user of the consumer creates an object.",
			command: `kubectl --kubeconfig=$CONSUMER apply -f - <<END
apiVersion: wildwest.dev/v1alpha1
kind: Cowboy
metadata:
  name: billy-the-kid
  namespace: default
spec:
  intent: Ride the range and protect the cattle
END`,
			show: "billy-the-kid",
		},
		{
			say: "It appears at the provider, in a namespace of this consumer's own.",
			command: `PLACE=$(kubectl --kubeconfig=$PROVIDER get bindableresourcesrequest/cowboys -o jsonpath={.status.namespace})
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE-default wait cowboy/billy-the-kid --for=create --timeout=60s
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE-default get cowboy billy-the-kid -o jsonpath='{.spec.intent}{"\n"}'`,
			show: "Ride the range and protect the cattle",
		},
		{
			say: "The provider's service says what came of it.",
			command: `PLACE=$(kubectl --kubeconfig=$PROVIDER get bindableresourcesrequest/cowboys -o jsonpath={.status.namespace})
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE-default patch cowboy billy-the-kid --subresource=status --type=merge -p '{"status":{"result":"The cattle are safe"}}'`,
			show: "patched",
		},
		{
			say: "The consumer sees it.",
			command: `kubectl --kubeconfig=$CONSUMER wait cowboy/billy-the-kid --for=jsonpath={.status.result} --timeout=60s
kubectl --kubeconfig=$CONSUMER get cowboy billy-the-kid -o jsonpath='{.status.result}{"\n"}'`,
			show: "The cattle are safe",
		},
		{
			say:     "The user deletes the object, and that waits until the provider's copy is gone.",
			command: `kubectl --kubeconfig=$CONSUMER delete cowboy billy-the-kid --timeout=60s`,
			show:    "deleted",
		},
		{
			say: "It is gone on both sides.",
			command: `kubectl --kubeconfig=$CONSUMER get cowboys --all-namespaces
kubectl --kubeconfig=$PROVIDER get cowboys --all-namespaces`,
			show: "No resources found\nNo resources found",
		},
	}
}
