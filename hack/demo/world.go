// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
)

// Files of a world, in its folder.
const (
	providerKubeconfig = "provider.kubeconfig"
	consumerKubeconfig = "consumer.kubeconfig"
)

// world is a provider and a consumer, with what it takes to reach them.
type world struct {
	// dir is the folder of all that belongs to it, bin that of the programs, and self this one.
	dir, bin, self string
	// server is the URL of the provider's front door.
	server string
	steps  []step
	// stop ends everything and leaves no files. leave lets it outlive this process, and returns the command that ends it then.
	stop  func() error
	leave func() (end string, err error)
}

// newWorld is a world that has not begun.
func newWorld() (*world, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kube-bind-demo-")
	return &world{dir: dir, bin: filepath.Dir(self), self: self}, err
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// sayHow tells how to go on with a world that is left running.
func (w *world) sayHow(end string) {
	say(`Everything is left running. To look around:

  export PATH=%s:$PATH
  export PROVIDER=%s
  export CONSUMER=%s
  export SERVER=%s
  kubectl bind status --kubeconfig=$CONSUMER
  kubectl --kubeconfig=$PROVIDER get apiserviceexports --all-namespaces

Logs are in %s. To end it:

  %s`,
		w.bin, w.file(providerKubeconfig), w.file(consumerKubeconfig), w.server, w.file("logs"), end)
}
