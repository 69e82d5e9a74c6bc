// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"

	kcpinit "kube-bind.io/kube-bind/contrib/kcp"
	"kube-bind.io/kube-bind/providers/credential"
)

// write writes the backend's kubeconfig, if that is wanted.
func write(cfg *rest.Config, prepared *kcpinit.Prepared, file string, report func(string, ...any)) error {
	if file == "" {
		return nil
	}
	endpoint, err := credential.NewEndpoint(cfg, credential.External{})
	if err != nil {
		return fmt.Errorf("making the backend's kubeconfig: %w", err)
	}
	raw, err := endpoint.ForCluster(prepared.Path).Kubeconfig(kcpinit.Namespace, prepared.Token)
	if err != nil {
		return fmt.Errorf("making the backend's kubeconfig: %w", err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return fmt.Errorf("writing the backend's kubeconfig: %w", err)
	}
	if err := os.Chmod(file, 0o600); err != nil { // it may have been there before
		return fmt.Errorf("writing the backend's kubeconfig: %w", err)
	}
	report("wrote the backend's kubeconfig to %s", file)
	return nil
}
