#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh GOLANGCI-LINT GOVULNCHECK: runs go vet, golangci-lint and govulncheck on every module that has code (those in hack/tools only
# pin programs).

set -euo pipefail

linter=$(realpath "$1")
vulncheck=$(realpath "$2")
root=$(cd "$(dirname "$0")/.." && pwd)
failed=0

for mod in $(git -C "$root" ls-files -co --exclude-standard go.mod '*/go.mod'); do
	cd "$root/$(dirname "$mod")"
	[ -n "$(go list ./... 2>/dev/null)" ] || continue
	echo "lint: $(go list -m)"
	go vet ./... || failed=1
	"$linter" run --config "$root/.golangci.yml" ./... || failed=1
	"$root/hack/vulnerabilities.sh" "$vulncheck" || failed=1
done

exit "$failed"
