// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"strconv"
	"strings"
)

// Files in a control plane's folder. The processes have it as their working directory and are given these names as
// they are, so that the length of its path does not count towards the limit (104 to 108 bytes) of the socket's name.
const (
	etcdData       = "etcd"
	etcdSocket     = "unix://etcd.sock"
	etcdPeerSocket = "unix://etcd-peer.sock"
	caFile         = "ca.crt"
	servingCert    = "apiserver.crt"
	servingKey     = "apiserver.key"
	tokenKey       = "serviceaccounts.key"
	kubeconfigFile = "admin.kubeconfig"
	stagesFile     = "stages.yaml"
)

const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
	kwokName              = "kwok"
)

// etcdQuota bounds etcd's database: enough for a hundred thousand small objects, too little to fill a disk unseen.
const etcdQuota = 1 << 30

// etcdArgs make etcd fast (no fsync: the data is thrown away anyway) and reachable for this user only.
func etcdArgs() []string {
	return []string{
		"--name=" + etcdName,
		"--data-dir=" + etcdData,
		"--unsafe-no-fsync",
		"--quota-backend-bytes=" + strconv.Itoa(etcdQuota),
		"--log-level=warn",
		"--listen-client-urls=" + etcdSocket,
		"--advertise-client-urls=" + etcdSocket,
		"--listen-peer-urls=" + etcdPeerSocket,
		"--initial-advertise-peer-urls=" + etcdPeerSocket,
		"--initial-cluster=" + etcdName + "=" + etcdPeerSocket,
	}
}

// apiServerArgs keep the API server's defaults (admission plugins and priority and fairness among them), but for
// authorization, which by default allows everything, and the number of requests served at a time.
func apiServerArgs(port int, extra []string) []string {
	return append([]string{
		"--etcd-servers=" + etcdSocket,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // which refuses to advertise loopback
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + servingCert,
		"--tls-private-key-file=" + servingKey,
		"--client-ca-file=" + caFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + tokenKey,
		"--service-account-signing-key-file=" + tokenKey,
		"--service-cluster-ip-range=10.0.0.0/24",
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1000",
	}, extra...)
}

// controllerManagerArgs start only those controllers that make an API server behave like a cluster's without nodes, and
// with workloads those that make Pods of Deployments.
func controllerManagerArgs(workloads bool) []string {
	controllers := []string{
		"namespace-controller",
		"garbage-collector-controller",
		"serviceaccount-controller",
		"serviceaccount-token-controller",
		"clusterrole-aggregation-controller",
	}
	if workloads {
		controllers = append(controllers, "deployment-controller", "replicaset-controller")
	}
	return append([]string{
		"--controllers=" + strings.Join(controllers, ","),
		"--service-account-private-key-file=" + tokenKey,
		"--root-ca-file=" + caFile,
	}, clientArgs()...)
}

func schedulerArgs() []string { return clientArgs() }

// clientArgs are those of a program of Kubernetes that is alone of its kind, serves nothing, and has work to do.
func clientArgs() []string {
	return []string{
		"--kubeconfig=" + kubeconfigFile,
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}
}

// kwokArgs make kwok play all nodes, without leases, as nobody looks at them.
func kwokArgs() []string {
	return []string{
		"--kubeconfig=" + kubeconfigFile,
		"--config=" + stagesFile,
		"--manage-all-nodes=true",
		"--node-lease-duration-seconds=0",
		"--cidr=10.1.0.0/16",
	}
}
