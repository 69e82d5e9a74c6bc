// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Program is a program of a control plane that somebody else runs.
type Program struct {
	// Name is that of the binary.
	Name string
	// Args are its arguments. They name files in its working directory.
	Args []string
}

// Programs are those of a control plane that outlives its starter, whose API server listens on a port of 127.0.0.1. They run in
// a folder of WriteFiles, and kube-controller-manager only once the API server is ready: it would wait for 10 s only.
func Programs(port int) []Program {
	return []Program{
		{Name: etcdName, Args: etcdArgs()},
		{Name: apiServerName, Args: apiServerArgs(port, nil)},
		{Name: controllerManagerName, Args: controllerManagerArgs(false)},
	}
}

// WriteFiles writes certificates, keys and the administrator's kubeconfig for Programs into a folder, unless they are there, and
// returns the path of the kubeconfig. The folder is made if need be.
func WriteFiles(dir, name string, port int) (kubeconfig string, err error) {
	kubeconfig = filepath.Join(dir, kubeconfigFile)
	if _, err := os.Stat(kubeconfig); !errors.Is(err, fs.ErrNotExist) {
		return kubeconfig, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	c := &ControlPlane{name: name, port: port, fleet: &fleet{dir: dir}}
	if err := c.writeCertificates(); err != nil {
		return "", err
	}
	content, err := c.encodeKubeconfig(adminUser, c.admin)
	if err != nil {
		return "", err
	}
	// It is the last one, so that whoever finds it finds all.
	temporary := kubeconfigFile + ".new"
	if err := c.write(temporary, content); err != nil {
		return "", err
	}
	return kubeconfig, os.Rename(filepath.Join(dir, temporary), kubeconfig)
}
