// SPDX-License-Identifier: Apache-2.0

// Package bindrequest answers BindableResourcesRequests, which is how consumers bind where the backend has no front end:
// it makes the consumer's place, grants it the template, asks for the export in the consumer's name, and writes the
// consumer's credential to a Secret beside the request.
//
// Who may write requests in a namespace may have the places that were made from there; the namespace is the requester.
// Grants are not taken back when a request is deleted.
package bindrequest
