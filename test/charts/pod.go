// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kube-bind.io/kube-bind/test/pair"
)

// Deployment is the one of an installation.
func (i *Installation) Deployment() (*appsv1.Deployment, error) {
	for _, object := range i.Objects {
		if object.GetKind() == "Deployment" {
			out := &appsv1.Deployment{}
			return out, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, out)
		}
	}
	return nil, errors.New("there is no Deployment")
}

// Command is how a Pod of an installation runs its program, on this machine: with the token of its ServiceAccount, and with the
// files of its volumes in dir.
func (i *Installation) Command(ctx context.Context, side *pair.Side, dir string) (*pair.Command, error) {
	deployment, err := i.Deployment()
	if err != nil {
		return nil, err
	}
	spec := deployment.Spec.Template.Spec
	p := pod{side: side, namespace: deployment.Namespace, dir: dir, spec: spec}
	out := &pair.Command{}
	for _, arg := range spec.Containers[0].Args {
		for _, mount := range spec.Containers[0].VolumeMounts {
			arg = strings.Replace(arg, mount.MountPath+"/", p.folder(mount.Name)+"/", 1)
		}
		out.Args = append(out.Args, arg)
	}
	for _, env := range spec.Containers[0].Env {
		value, err := p.value(ctx, env)
		if err != nil {
			return nil, err
		}
		out.Env = append(out.Env, env.Name+"="+value)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of files: %w", err)
	}
	if err := p.mount(ctx); err != nil {
		return nil, err
	}
	if spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken {
		return out, nil
	}
	kubeconfig, err := side.AccountKubeconfig(ctx, deployment.Namespace, spec.ServiceAccountName)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, deployment.Name+".kubeconfig")
	out.Args = append(out.Args, "--kubeconfig="+file)
	return out, os.WriteFile(file, kubeconfig, 0o600)
}

// pod is a Pod that is played.
type pod struct {
	side           *pair.Side
	namespace, dir string
	spec           corev1.PodSpec
}

// folder is where the files of a volume are.
func (p *pod) folder(volume string) string { return filepath.Join(p.dir, "volumes", volume) }

// value is that of an environment variable.
func (p *pod) value(ctx context.Context, env corev1.EnvVar) (string, error) {
	from := env.ValueFrom
	switch {
	case from == nil:
		return env.Value, nil
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace":
		return p.namespace, nil
	case from.SecretKeyRef != nil:
		secret := &corev1.Secret{}
		if err := p.side.Client.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: from.SecretKeyRef.Name}, secret); err != nil {
			return "", fmt.Errorf("reading the Secret of the variable %s: %w", env.Name, err)
		}
		return string(secret.Data[from.SecretKeyRef.Key]), nil
	}
	return "", fmt.Errorf("the variable %s comes from somewhere unknown", env.Name)
}

// mount writes the files of all volumes.
func (p *pod) mount(ctx context.Context) error {
	for _, volume := range p.spec.Volumes {
		files, err := p.files(ctx, volume)
		if err != nil {
			return fmt.Errorf("reading the volume %s: %w", volume.Name, err)
		}
		if err := os.MkdirAll(p.folder(volume.Name), 0o700); err != nil {
			return fmt.Errorf("making the folder of a volume: %w", err)
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(p.folder(volume.Name), name), content, 0o600); err != nil {
				return fmt.Errorf("writing a file of the volume %s: %w", volume.Name, err)
			}
		}
	}
	return nil
}

func (p *pod) files(ctx context.Context, volume corev1.Volume) (map[string][]byte, error) {
	key := client.ObjectKey{Namespace: p.namespace}
	if volume.Secret != nil {
		secret := &corev1.Secret{}
		key.Name = volume.Secret.SecretName
		err := p.side.Client.Get(ctx, key, secret)
		return secret.Data, err
	}
	if volume.ConfigMap == nil {
		return nil, errors.New("it is of an unknown kind")
	}
	config := &corev1.ConfigMap{}
	key.Name = volume.ConfigMap.Name
	err := p.side.Client.Get(ctx, key, config)
	files := map[string][]byte{}
	for name, content := range config.Data {
		files[name] = []byte(content)
	}
	return files, err
}
