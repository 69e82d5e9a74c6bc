// SPDX-License-Identifier: Apache-2.0

// Package providers is the contract between the backend and the control plane it serves.
//
// A Provider says which logical clusters there are (it is a multicluster.Provider) and gives each consumer a place in
// one of them (it is a Tenancy). The backend never asks what kind of provider it was given; the simplest one, and the
// one to read first, is providers/kube. What every provider has to keep is written down as a test suite in
// providers/providertest.
//
// It is not the place for anything that an export brings along: rights on exported resources are the backend's.
package providers
