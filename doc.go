// SPDX-License-Identifier: Apache-2.0

// Package kubebind is the map of this project; it has no code of its own.
//
// kube-bind lets one Kubernetes control plane, the provider, offer CRD-based APIs to many others, the consumers. The
// backend runs beside the provider and decides who gets which API and where it lies. The konnector runs in a consumer and
// carries objects up and their status down. They meet only in the API of the provider's control plane.
//
// # The packages
//
// Imports go from cmd to backend, konnector or cli, from the backend to providers, and from all of them to apis; within
// a component they go down this list. Lint and test/layers see to it.
//
//	apis/kubebind/v1alpha2   the types on the wire; names, conditions and their reasons
//	apis/kubebind/v1alpha1   the older wire version and its conversion
//	apis/boundschema         CRD to BoundSchema and back, and the schema's hash; pure
//	apis/mapping             where a consumer's object lies on the provider, and back; pure
//	kubeconfig               kubeconfigs of others: what is taken from them, and what is refused
//	printable                texts of others, as people may be shown them: without what would move a cursor or hide
//	telemetry                how metrics are registered and described, and traces sent; which there are, those know that count
//	deploy/crds              the generated CRDs, embedded, and their installation
//
//	providers                what the backend stands on: logical clusters, and places for consumers in them
//	providers/credential     the kubeconfig that a consumer gets, and its renewal
//	providers/kube           one plain cluster; a consumer's place is a namespace
//	providers/kcp            the workspaces of a kcp; a consumer's place is a workspace or a namespace
//	providers/providertest   what every provider must do, as a test suite
//
//	backend                  the provider's side: New and Run put together what is below
//	backend/http             the front door: routes and the JSON API
//	backend/web              the web page: sign-in, catalogue, ways to bind, bindings
//	backend/auth             who somebody is, how the next request proves it, and what they may bind
//	backend/auth/issuer      an OpenID provider for development, with a sign-in form
//	backend/controllers/...  one controller each for requests, exports, namespaces, consumers, bindings and templates
//	backend/reply            how HTTP requests are read and answered
//	backend/binding          the steps of a bind that are the same however it was asked for
//	backend/catalog          what can be bound, and why not; pure
//	backend/grants           the rights of a consumer, from its place and its exports; pure
//	backend/sharing          which replica works on which logical clusters, if they share them
//	backend/loop             fetch, decide, apply, and status also on error: what all controllers have in common
//
//	konnector                the consumer's side: New and Run put together what is below
//	konnector/enclosure      the bindings that come with a kubeconfig Secret
//	konnector/bundle         APIServiceBindingBundles: a binding for each export, and what becomes of it without
//	konnector/binding        APIServiceBindings: their conditions and their end
//	konnector/connection     one provider: its client, its heartbeat, and what runs as long as it is needed
//	konnector/schema         a bound schema becomes a CRD, and follows changes
//	konnector/claims         which objects permission claims select; pure
//	konnector/record         finalizers, status and Events on the konnector's own objects
//	konnector/routing        which of several bindings carries an object; pure
//	konnector/namespaces     which provider namespace a consumer's is, if it is there yet
//	konnector/sync           one API's objects: informers on both sides, one queue, at most one write a side
//	konnector/sync/guard     whether a cache has seen our own last write
//	konnector/sync/plan      what to do about an object, and its content; pure
//
//	cli                      kubectl bind: a file for each verb
//	cli/backendclient        the backend's JSON API as a client sees it
//	cli/dev                  a provider and a consumer as processes of this machine, that outlive kubectl bind dev create
//	cli/dev/kind             the same in clusters of kind: which files and commands; pure
//	deploy/charts            the Helm charts; that of the backend, embedded
//	deploy/install           what is written into a consumer, by kubectl bind or the backend
//	deploy/examples          APIs to play with: manifests
//	deploy/konnector         what a cluster needs for a konnector to run in it
//
//	controlplane             control planes and other programs as processes of this machine, for tests, the demo and cli/dev
//	cmd/...                  the programs: flags become Options, then Run
//	deploy/dashboards        a dashboard for Grafana and alerts, and tests that they ask for metrics that there are
//	docs/reference           the reference pages, and tests that they say what the code says
//	hack                     scripts that build and check, and a test of what may be skipped
//	contrib/kcp/...          kcp-init, which prepares a kcp for kube-bind
//	hack/demo                what `make demo` shows
//	hack/site                builds the documentation as a site that needs no network
//	hack/images              builds the container images as OCI layouts, the same each time
//	hack/charts              packages the Helm charts, the same each time
//	test/story               what people do, from the first sign-in on, with the shipped programs
//	test/docs                runs what the documentation tells people to type
//	test/integrations        applies what the pages about other projects say, with their CRDs
//	test/browser             a browser without JavaScript, to sign in with
//	test/pair                a provider and a consumer, with the shipped programs
//	test/charts              installs the Helm charts of deploy/charts, and runs what they install
//	test/attack              tries every verb on every resource with somebody's credential
//	test/leak                looks for secrets in logs
//	test/proxy               a network that fails when it is told to
//	test/idp                 an OpenID provider that is not ours, with users of several groups
//	test/...                 end-to-end tests, benchmark, and the test of the rule about imports
//
// # Two walks
//
// An object: konnector/sync turns an event of either side into the consumer's key, and looks at both caches if they are
// new enough; konnector/namespaces says where the copy belongs; konnector/sync/plan says what to do, and with which
// content; konnector/sync does it, and reports.
//
// A binding: a BindableResourcesRequest (backend/controllers/bindrequest) gets a place (providers) with a kubeconfig, and
// an APIServiceExportRequest, which becomes an APIServiceExport with its BoundSchemas
// (backend/controllers/exportrequest). The export gets its rights (backend/controllers/export, backend/grants), the
// consumer's namespaces theirs (backend/controllers/namespace). Every arrow is an object in the API: no controller calls
// another.
package kubebind
