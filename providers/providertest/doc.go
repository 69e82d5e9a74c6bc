// SPDX-License-Identifier: Apache-2.0

// Package providertest is what every provider has to keep, as a test suite. It runs against real control planes: what a
// consumer may and may not do is asked of the API server, with the consumer's own credential.
package providertest
