// SPDX-License-Identifier: Apache-2.0

// Package kubeconfig reads kubeconfigs that come from others: a provider's in the consumer, an uploaded one at the provider.
// It takes what says where a cluster is and who we are there, and refuses the rest. It talks to no server.
package kubeconfig
