// SPDX-License-Identifier: Apache-2.0

// Package export keeps what an APIServiceExport stands for: its BoundSchemas, which follow their source if the export's
// update policy says so, and the consumer's rights on the exported resources. Once both are in place it says so in the
// condition ProviderInSync, which konnectors wait for.
//
// It is driven by the export alone; the request that the export came from may be gone. It does not make namespaces, and
// does not write the conditions that the konnector reports.
package export
