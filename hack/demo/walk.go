// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
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
	for i, s := range w.steps {
		say("%d. %s", i+1, s.say)
		fmt.Println("   $ " + strings.ReplaceAll(s.command, "\n", "\n     "))
		cmd := exec.CommandContext(ctx, "sh", "-ec", s.command)
		// The shell ends with all that it has started, and what has gone its own ways holds nothing up.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = patience
		cmd.Env = append(os.Environ(), "PATH="+w.bin+string(os.PathListSeparator)+os.Getenv("PATH"),
			"PROVIDER="+w.file(providerKubeconfig), "CONSUMER="+w.file(consumerKubeconfig),
			"SERVER="+w.server, "HOME="+w.dir, "BROWSER="+w.self+" browse")
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

// providerSteps end with something to bind.
func providerSteps() []step {
	return []step{
		{
			say: "The provider offers an API: a CRD with the label kube-bind.io/exported, and a template that consumers may bind.",
			command: `kubectl --kubeconfig=$PROVIDER get crds -l kube-bind.io/exported=true -o name
kubectl --kubeconfig=$PROVIDER wait apiserviceexporttemplate/cowboys --for=condition=Ready --timeout=60s`,
			show: "condition met",
		},
	}
}

// consumerSteps begin at the front door and end with the API.
func consumerSteps() []step {
	return []step{
		{
			say:     "Somebody at the consumer signs in at the provider's front door. The demo's browser fills in the form, as alice.",
			command: `kubectl bind login $SERVER`,
			show:    "Successfully authenticated",
		},
		{
			say:     "What is there?",
			command: `kubectl bind templates -o wide`,
			show:    "cowboys.wildwest.dev",
		},
		{
			say:     "Bind it. --yes agrees to what is asked for, --skip-konnector says that a konnector runs already.",
			command: `kubectl bind --kubeconfig=$CONSUMER --template cowboys --yes --skip-konnector`,
			show:    "Resources bound successfully!",
		},
		{
			say:     "How is it?",
			command: `kubectl bind status --kubeconfig=$CONSUMER --exit-code`,
			show:    "cowboys.wildwest.dev",
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
			command: `PLACE=$(kubectl --kubeconfig=$PROVIDER get clusterbindings --all-namespaces -o jsonpath='{.items[0].metadata.namespace}')
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE-default wait cowboy/billy-the-kid --for=create --timeout=60s
kubectl --kubeconfig=$PROVIDER --namespace=$PLACE-default get cowboy billy-the-kid -o jsonpath='{.spec.intent}{"\n"}'`,
			show: "Ride the range and protect the cattle",
		},
		{
			say: "The provider's service says what came of it.",
			command: `PLACE=$(kubectl --kubeconfig=$PROVIDER get clusterbindings --all-namespaces -o jsonpath='{.items[0].metadata.namespace}')
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
