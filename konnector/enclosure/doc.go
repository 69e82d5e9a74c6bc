// SPDX-License-Identifier: Apache-2.0

// Package enclosure makes the bindings that come with a Secret.
//
// A Secret with a provider's kubeconfig may enclose, in an annotation, the APIServiceBindings that are to use it. One kubectl
// apply can then bring all that a cluster needs: kubectl refuses objects whose CRD comes in the same apply, so the bindings
// themselves cannot be part of it. What was made is noted on the Secret, and not made again when somebody deletes it. Only
// Secrets of the konnector's own namespace count.
package enclosure
