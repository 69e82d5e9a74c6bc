// SPDX-License-Identifier: Apache-2.0

// Package boundschema turns a provider's CRD into the BoundSchema that travels to the consumer, and that into the
// consumer's CRD; and it hashes BoundSchemas. Both directions refuse what no consumer should install: the second does
// not trust that the first was asked.
//
// It is pure. It neither reads nor writes clusters, knows nothing of who owns an existing CRD, and cannot foresee
// everything that the consumer's API server may refuse.
package boundschema
