// SPDX-License-Identifier: Apache-2.0

// Command charts packages the Helm charts of a version, without Helm: an archive for each, whose default images are those of that
// version. As those, it is the same each time: the only time in it is that of the last commit.
package main
