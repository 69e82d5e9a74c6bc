// SPDX-License-Identifier: Apache-2.0

// Package charts installs the Helm charts of deploy/charts as Helm does, and starts backend and konnector as their Pods would run
// them: with the arguments of the Deployments and the tokens of the ServiceAccounts. It is for tests.
package charts
