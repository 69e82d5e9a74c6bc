// SPDX-License-Identifier: Apache-2.0

// Package sync carries the objects of one API between a consumer and a provider: spec up, status down.
//
// A Syncer has informers on both sides and one queue, keyed by the consumer object, so that both directions of an
// object are one reconcile and cannot race each other. An event of either side becomes a consumer key (syncer.go),
// the key becomes what both caches know of the object if they are new enough (view.go), the pure package plan says
// what to do, and do.go does just that, with at most one write a side. What a person should know ends in report.go.
//
// It decides nothing about objects itself: that is package plan. It does not know bindings, schemas or Secrets
// either: it is told which resource to sync and how keys map.
package sync
