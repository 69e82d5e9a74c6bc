// SPDX-License-Identifier: Apache-2.0

// Package layers tests which packages of this project reach which others, over any number of imports, and shows the
// chain of imports when one reaches what it must not. The linter's depguard looks at single imports as one writes them;
// this looks at what they add up to.
package layers
