// SPDX-License-Identifier: Apache-2.0

// Package exportrequest answers APIServiceExportRequests: it checks one against what the consumer was granted and what
// the provider has, and leaves an APIServiceExport of the same name, and the APIServiceNamespaces that come with it.
//
// A request only starts things. What an export needs from then on is kept by the controller of exports, and is not
// affected when the finished request is deleted.
package exportrequest
