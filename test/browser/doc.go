// SPDX-License-Identifier: Apache-2.0

// Package browser is a browser without JavaScript: cookies, redirects and forms. Tests and the demo sign in with it. What a
// page looks like is for a real one to say.
package browser
