// SPDX-License-Identifier: Apache-2.0

// Package sharing shares the logical clusters of a provider out among the replicas of a backend: each is served by one replica at
// a time, and by another one within half a minute when that one is killed.
//
// A host and its guests are a *group*, and go together: what happens in one of them matters in the others. Whose turn a group is
// follows from its name and from which replicas live, by rendezvous hashing, so that a replica that comes or goes moves no group
// but those that it gets or had.
//
// Two kinds of Lease say what holds, in one namespace of the control plane that all replicas know:
//
//   - that of a replica is renewed every two seconds; one that others have not seen renewed for 15 s is dead, and a replica that
//     could not renew its own for 10 s stops all its work;
//   - that of a group names the replica that works on it. Nobody renews it: its holder lives, or does not. It changes hands when
//     the holder gives it to another one that has asked for it, or when the holder is dead.
//
// Leases are read together, in one list, and written over only as they were read. So whoever takes a group of a dead replica
// either has seen that it lives after all, or writes over what that one has written meanwhile, and fails. Clocks of replicas are
// never compared.
//
// The coordinator of multicluster-runtime does the same, but is not used: see docs/adr/0013-sharing.md. This package knows no
// provider and no controller.
package sharing
