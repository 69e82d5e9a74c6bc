// SPDX-License-Identifier: Apache-2.0

// Package konnector is the agent in a consumer cluster: New(Options) and Run(ctx) assemble it, and nothing else does.
//
// It is vanilla Kubernetes: what is at the other end of a kubeconfig, a plain cluster or kcp, it does not know.
package konnector
