// SPDX-License-Identifier: Apache-2.0

package kcp

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"k8s.io/client-go/rest"
)

// ConfigFor returns the configuration for a workspace of the same kcp, by its path or the name of its logical cluster, whatever
// workspace cfg is for.
func ConfigFor(cfg *rest.Config, workspace string) (*rest.Config, error) {
	return configAt(cfg, "clusters", workspace)
}

// schemasConfig returns the configuration for the schemas of everything that a logical cluster has bound.
func schemasConfig(cfg *rest.Config, cluster string) (*rest.Config, error) {
	return configAt(cfg, "services", "apiresourceschema", cluster, "clusters", cluster)
}

func configAt(cfg *rest.Config, elements ...string) (*rest.Config, error) {
	host, err := url.Parse(cfg.Host)
	if err != nil || host.Host == "" {
		return nil, fmt.Errorf("the address of kcp, %q, is no URL", cfg.Host)
	}
	prefix, _, _ := strings.Cut(host.Path, "/clusters/")
	host.Path = path.Join(append([]string{"/", prefix}, elements...)...)
	out := rest.CopyConfig(cfg)
	out.Host = host.String()
	return out, nil
}

// exportOf reads the logical cluster and the name of the APIExport from the URL of its virtual workspace:
// <server>/services/apiexport/<cluster>/<name>.
func exportOf(endpoint string) (cluster, name string, err error) {
	parsed, err := url.Parse(endpoint)
	if err != nil {
		return "", "", fmt.Errorf("the endpoint %q is no URL", endpoint)
	}
	_, rest, found := strings.Cut(parsed.Path, "/services/apiexport/")
	cluster, name, both := strings.Cut(strings.Trim(rest, "/"), "/")
	if !found || !both || cluster == "" || name == "" || strings.Contains(name, "/") {
		return "", "", fmt.Errorf("the endpoint %q is not that of an APIExport", endpoint)
	}
	return cluster, name, nil
}
