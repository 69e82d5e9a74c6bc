// SPDX-License-Identifier: Apache-2.0

// Package web is the web page of the backend: sign-in, the catalogue, a page for each service, the ways to bind it, and the
// bindings of whoever is signed in.
//
// Pages are made here, on the server (pages, html/template), and all that is needed comes from the binary (assets). Reading
// and binding works without JavaScript; with it, htmx (https://htmx.org, its licence is beside it) searches while somebody
// types and keeps the bindings current. The Content-Security-Policy lets nothing else run or load: neither inline scripts
// and styles, nor other origins.
//
// A browser may be here for a program that waits in a terminal, or in one of several logical clusters. That is in the query of
// its first address, and every link passes it on (errand): nothing is kept anywhere else.
//
// What a person may see and bind, and the binding itself, is behind House and Guest: this package decides nothing.
package web
