// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	if err := replace(file, raw); err != nil {
		return fmt.Errorf("writing the backend's kubeconfig: %w", err)
	}
	report("wrote the backend's kubeconfig to %s", file)
	return nil
}

// replace writes a file for its owner only, whoever could read what was there before.
func replace(file string, content []byte) error {
	// Its mode is 0600.
	temporary, err := os.CreateTemp(filepath.Dir(file), ".kcp-init-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
