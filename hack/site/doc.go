// SPDX-License-Identifier: Apache-2.0

// Command site builds the documentation as a site: pages of HTML that need no server, no script and no network to be read.
//
// The landing page is docs/README.md. Its sections with lists are the navigation; a test sees that every page below docs can be
// reached from there. A link to what is not documentation, such as a file with code, leads to a page that shows it.
package main
