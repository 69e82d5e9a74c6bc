// SPDX-License-Identifier: Apache-2.0

// Package docs runs what the documentation tells people to type.
//
// Blocks of code in README.md and below docs are marked by what they are. Those marked sh are run, in their order, against real
// control planes with the shipped programs, and each must succeed; a block marked text that follows one is what it prints. Those
// marked console are not run, and a comment before them says why:
//
//	<!-- not run: it needs a cluster of yours -->
//
// "sh background" goes on while the rest of its page is run, and "sh answer=y" has somebody at the terminal who answers. In expected
// output "..." stands for anything, in a line or for lines.
package docs
