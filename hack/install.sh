#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh bin/NAME-VERSION PACKAGE: builds a Go program, in the version that its file name ends with.

set -euo pipefail

file=$1 package=$2
name=$(basename "$file")
version=${name##*-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "building $file: takes up to 2 min the first time"
GOBIN=$folder go install "$package@$version"
mkdir -p "$(dirname "$file")"
mv "$folder/${name%-*}" "$file"
