// SPDX-License-Identifier: Apache-2.0

// Package web tests the backend's web page in Chromium: every page and every way through them, with a provider and a consumer
// behind it. A test fails on any violation of the Content-Security-Policy, on any error in the console, and on any request to
// another origin.
//
// With -update the tests write the screenshots that the documentation shows to docs/images.
package web
