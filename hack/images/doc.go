// SPDX-License-Identifier: Apache-2.0

// Command images builds the container images of the backend and the konnector, and what tells what is in them: an OCI layout on
// disk for each, with an image for every platform, and a list of all Go modules (SBOM, CycloneDX) for every binary. It needs Go,
// but no container runtime, no base image and no network besides the modules.
//
// An image is one static binary and nothing else. The same source, Go and version give the same digests, wherever and whenever
// they are built: paths are trimmed, and the only time in an image is that of the last commit (SOURCE_DATE_EPOCH).
package main
