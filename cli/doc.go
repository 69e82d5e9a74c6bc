// SPDX-License-Identifier: Apache-2.0

// Package cli is kubectl bind: a file for each verb. Results go to stdout, what is going on to stderr, and the exit code says
// what kind of failure it was (errors.go).
//
// A bind goes through: server.go (which provider, and as whom) and login.go; consent.go (what the provider asks for);
// bind.go and binder.go (the contract at the provider, then what is written in the consumer). With --dry-run nothing is
// written in the consumer: bundle.go prints it.
//
// dev.go and devexample.go are kubectl bind dev; the processes are those of package dev.
package cli
