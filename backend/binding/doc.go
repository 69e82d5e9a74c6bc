// SPDX-License-Identifier: Apache-2.0

// Package binding has the steps of a bind that are the same however it was asked for: by an object in the provider's cluster
// (backend/controllers/bindrequest) or over HTTP (backend/http). What follows is up to the controllers.
package binding
