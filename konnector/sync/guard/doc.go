// SPDX-License-Identifier: Apache-2.0

// Package guard keeps a syncer from planning on caches that are older than its own last write to the object. Without it
// a finalizer goes while the copy is there, and every write is followed by a second, useless one; the model in package
// plan shows both.
//
// It is not a lock and not a cache: what others wrote since, it does not know; preconditions are for that. It is valid
// where resource versions of one resource can be compared, so for one etcd: one API server, or one shard of kcp.
package guard
