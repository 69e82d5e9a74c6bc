#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# verify.sh CONTROLLER-GEN: fails, and says what to do, if generated files, go.mod or formatting are not current. Changes nothing.

set -euo pipefail

generator=$(realpath "$1")
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failed=0

cp -R go.mod go.sum apis "$copy"
mkdir "$copy/deploy" "$copy/hack"
cp -R deploy/crds "$copy/deploy"
cp hack/boilerplate.go.txt "$copy/hack"
hack/generate.sh "$generator" "$copy"
for folder in apis deploy/crds; do
	diff -ru "$folder" "$copy/$folder" || { echo "verify: $folder is not current: run 'make generate'" >&2; failed=1; }
done

go test -count=1 -run OpenAPI ./backend/http || { echo "verify: docs/reference/http-api/openapi.yaml is not what is served" >&2; failed=1; }
go test -count=1 ./docs/reference || { echo "verify: pages of docs/reference are not current" >&2; failed=1; }

go mod tidy -diff || { echo "verify: go.mod is not tidy: run 'go mod tidy'" >&2; failed=1; }

unformatted=$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'verify: not formatted, run gofmt -w on:\n%s\n' "$unformatted" >&2
	failed=1
fi

exit "$failed"
