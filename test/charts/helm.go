// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"helm.sh/helm/v4/pkg/action"
	helmchart "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/release"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"kube-bind.io/kube-bind/test/pair"
)

const (
	// Backend and Konnector are the charts.
	Backend = "backend"
	// Konnector is described at Backend.
	Konnector = "konnector"
	// kubeVersion is the cluster's that Render thinks of.
	kubeVersion = "v1.36.3"
	// waitTimeout is how long Helm waits for what it has installed.
	waitTimeout = 2 * time.Minute
)

// Dir is the folder of a chart.
func Dir(ctx context.Context, chart string) (string, error) {
	root, err := pair.Root(ctx)
	return filepath.Join(root, "deploy", "charts", chart), err
}

// Release is a release of one of the charts.
type Release struct {
	// Chart is Backend or Konnector.
	Chart string
	// Archive is the file of the packaged chart. Default: the folder of the chart.
	Archive string
	// Name and Namespace of the release.
	Name, Namespace string
	// Values are those of the user.
	Values map[string]any
	// Kubeconfig is the file with the administrator's access to the cluster.
	Kubeconfig string
	// Wait waits until everything is ready, for which Deployments must come true.
	Wait bool
}

// Installation is what a release has become.
type Installation struct {
	// Objects are in the order in which they were rendered.
	Objects []*unstructured.Unstructured
	// Notes are for the user.
	Notes string
}

// load reads the chart.
func (r *Release) load(ctx context.Context) (helmchart.Charter, error) {
	at := r.Archive
	if at == "" {
		dir, err := Dir(ctx, r.Chart)
		if err != nil {
			return nil, err
		}
		at = dir
	}
	out, err := loader.Load(at)
	if err != nil {
		return nil, fmt.Errorf("loading the chart %s: %w", r.Chart, err)
	}
	return out, nil
}

// configuration is Helm's for a release.
func (r *Release) configuration() (*action.Configuration, error) {
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig, flags.Namespace = &r.Kubeconfig, &r.Namespace
	out := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := out.Init(flags, r.Namespace, "secret"); err != nil {
		return nil, fmt.Errorf("preparing Helm: %w", err)
	}
	return out, nil
}

func (r *Release) strategy() kube.WaitStrategy {
	if r.Wait {
		return kube.StatusWatcherStrategy
	}
	return kube.HookOnlyStrategy
}

// Render is helm template: it needs no cluster.
func (r *Release) Render(ctx context.Context) (*Installation, error) {
	install := action.NewInstall(action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler)))
	install.DryRunStrategy, install.DisableOpenAPIValidation = action.DryRunClient, true
	install.KubeVersion = &common.KubeVersion{Version: kubeVersion, Major: "1", Minor: "36"}
	return r.install(ctx, install)
}

// Install is helm install --create-namespace.
func (r *Release) Install(ctx context.Context) (*Installation, error) {
	config, err := r.configuration()
	if err != nil {
		return nil, err
	}
	install := action.NewInstall(config)
	install.CreateNamespace, install.ServerSideApply = true, true
	return r.install(ctx, install)
}

func (r *Release) install(ctx context.Context, install *action.Install) (*Installation, error) {
	install.ReleaseName, install.Namespace = r.Name, r.Namespace
	install.WaitStrategy, install.Timeout = r.strategy(), waitTimeout
	chart, err := r.load(ctx)
	if err != nil {
		return nil, err
	}
	out, err := install.RunWithContext(ctx, chart, r.Values)
	if err != nil {
		return nil, fmt.Errorf("installing the chart %s: %w", r.Chart, err)
	}
	return installation(out)
}

// Upgrade is helm upgrade --reset-values.
func (r *Release) Upgrade(ctx context.Context) (*Installation, error) {
	config, err := r.configuration()
	if err != nil {
		return nil, err
	}
	chart, err := r.load(ctx)
	if err != nil {
		return nil, err
	}
	upgrade := action.NewUpgrade(config)
	upgrade.Namespace, upgrade.ResetValues = r.Namespace, true
	upgrade.WaitStrategy, upgrade.Timeout = r.strategy(), waitTimeout
	out, err := upgrade.RunWithContext(ctx, r.Name, chart, r.Values)
	if err != nil {
		return nil, fmt.Errorf("upgrading the release %s: %w", r.Name, err)
	}
	return installation(out)
}

// Uninstall is helm uninstall.
func (r *Release) Uninstall() error {
	config, err := r.configuration()
	if err != nil {
		return err
	}
	uninstall := action.NewUninstall(config)
	uninstall.WaitStrategy, uninstall.Timeout = r.strategy(), waitTimeout
	if _, err := uninstall.Run(r.Name); err != nil {
		return fmt.Errorf("uninstalling the release %s: %w", r.Name, err)
	}
	return nil
}

func installation(r release.Releaser) (*Installation, error) {
	made, ok := r.(*releasev1.Release)
	if !ok {
		return nil, fmt.Errorf("the release is a %T", r)
	}
	objects, err := decode([]byte(made.Manifest))
	return &Installation{Objects: objects, Notes: made.Info.Notes}, err
}

// decode reads the objects of a manifest.
func decode(manifest []byte) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest))); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a manifest: %w", err)
		}
		object := &unstructured.Unstructured{}
		if err := utilyaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("reading a manifest: %w\n%s", err, document)
		}
		if len(object.Object) > 0 {
			out = append(out, object)
		}
	}
}
