// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs Kubernetes control planes as plain processes of this machine: etcd, kube-apiserver and
// kube-controller-manager, on loopback, in a folder of their own, ready in a few seconds. Tests, benchmarks and the
// demo stand on it, and start the shipped binaries beside it with StartProcess.
//
// Nothing outlives the program that started it, however that program ends: every control plane and every Process has
// a watchdog (guard.go), which kills the processes and removes the folder once its pipe to the program breaks. Who wants one that lasts takes files and
// arguments from lasting.go, and runs the programs: see cli/dev.
//
// It is not a cluster: there are no nodes, no scheduler, no kubelet and no workload controllers, and its data is not
// kept safe (etcd runs without fsync). With Options.Workloads there are a scheduler, the controllers of Deployments and
// a node, but nothing runs on it: it is only said to, by kwok (stages.yaml). It knows nothing of kube-bind and imports nothing of it. The binaries are
// built by `make tools`; this package neither builds nor downloads any.
package controlplane
