// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	kcpName = "kcp"
	// kcpAdminGroup may do everything in every workspace of a kcp, within the limits of its admission.
	kcpAdminGroup = "system:kcp:admin"
	// kcpReady is what kcp makes last when it starts for the first time.
	kcpReady = "/clusters/root/apis/tenancy.kcp.io/v1alpha1/workspacetypes/universal"
)

// KCP is a running kcp of one shard, with an etcd.
type KCP struct{ plane *ControlPlane }

// StartKCP starts a kcp and waits until it is ready: it says so, and the workspace root has what workspaces are made of. Of the
// options, APIServerArgs are for kcp, and Workloads is of no use. ctx bounds the start only. An error leaves nothing behind.
func StartKCP(ctx context.Context, o Options) (*KCP, error) {
	c, err := prepare(o)
	if err != nil {
		return nil, err
	}
	k := &KCP{plane: c}
	if err := k.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the kcp %s: %w", c.name, err), c.Stop())
	}
	return k, nil
}

func (k *KCP) start(ctx context.Context) error {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	c := k.plane
	if err := c.writeCertificates(); err != nil {
		return err
	}
	var err error
	if c.admin, err = c.ca.client(adminUser, []string{kcpAdminGroup}); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err := k.startOnFreePort(ctx)
		if err == nil || attempt == portAttempts || !strings.Contains(err.Error(), portTaken) {
			return err
		}
		if err := c.fleet.killAll(); err != nil {
			return err
		}
	}
}

func (k *KCP) startOnFreePort(ctx context.Context) error {
	c := k.plane
	var err error
	if c.port, err = c.freePort(); err != nil {
		return err
	}
	if err := c.fleet.launch(etcdName, etcdArgs()); err != nil {
		return err
	}
	return k.StartServer(ctx)
}

// kcpArgs keep kcp's defaults, but for where it stores, what it serves with, and whom it knows: those with certificates of
// this control plane. Tokens of ServiceAccounts are signed with its key, as they have to outlive a restart.
func kcpArgs(port int, extra []string) []string {
	return append([]string{
		"start",
		"--root-directory=" + kcpName,
		"--etcd-servers=" + etcdSocket,
		"--bind-address=127.0.0.1",
		"--external-hostname=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + servingCert,
		"--tls-private-key-file=" + servingKey,
		"--client-ca-file=" + caFile,
		"--service-account-key-file=" + tokenKey,
		"--service-account-private-key-file=" + tokenKey,
		"--shard-virtual-workspace-ca-file=" + caFile,
	}, extra...)
}

// Stop ends the kcp at once, and removes its folder. Further calls do nothing.
func (k *KCP) Stop() error { return k.plane.Stop() }

// StopServer stops only kcp, as if it were down for a while: etcd and its data stay. It fails if it is stopped already.
func (k *KCP) StopServer() error { return k.plane.fleet.stop(kcpName) }

// StartServer starts kcp again, on the same port with the same data, and waits until it is ready.
func (k *KCP) StartServer(ctx context.Context) error {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	if err := k.plane.fleet.launch(kcpName, kcpArgs(k.plane.port, k.plane.apiServerArgs)); err != nil {
		return err
	}
	return k.plane.waitFor(ctx, "/readyz", kcpReady)
}

// Config is the administrator's access to a workspace, by its path or the name of its logical cluster, without a client-side
// rate limit. Each call returns a new one.
func (k *KCP) Config(workspace string) *rest.Config {
	cfg := k.plane.Config()
	cfg.Host = k.server(workspace)
	return cfg
}

func (k *KCP) server(workspace string) string { return k.plane.server() + "/clusters/" + workspace }

// Kubeconfig is the administrator's access to a workspace as a self-contained file's content. It fails only if it cannot be
// encoded.
func (k *KCP) Kubeconfig(workspace string) ([]byte, error) {
	return k.encode(workspace, adminUser, k.plane.admin)
}

// UserKubeconfig makes a kubeconfig, with a client certificate, for a user with these groups in a workspace.
func (k *KCP) UserKubeconfig(workspace, user string, groups ...string) ([]byte, error) {
	pair, err := k.plane.ca.client(user, groups)
	if err != nil {
		return nil, err
	}
	return k.encode(workspace, user, pair)
}

func (k *KCP) encode(workspace, user string, pair keyPair) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters[workspace] = &clientcmdapi.Cluster{Server: k.server(workspace), CertificateAuthorityData: k.plane.ca.pem}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.cert, ClientKeyData: pair.key}
	config.Contexts[workspace] = &clientcmdapi.Context{Cluster: workspace, AuthInfo: user}
	config.CurrentContext = workspace
	out, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("encoding the kubeconfig of %s: %w", user, err)
	}
	return out, nil
}

// PIDs are the process ids of the running binaries, by their names.
func (k *KCP) PIDs() map[string]int { return k.plane.PIDs() }

// LogDir is the folder with the logs of its processes, named like the binaries.
func (k *KCP) LogDir() string { return k.plane.LogDir() }
