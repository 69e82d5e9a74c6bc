#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# generate.sh CONTROLLER-GEN FOLDER: in FOLDER, which has go.mod, apis, deploy and hack of this project, writes deepcopy
# functions and CRDs anew from the types in apis.

set -euo pipefail

generator=$(realpath "$1")
cd "$2"
find apis -name 'zz_generated.*.go' -delete
find deploy/crds -name '*.yaml' -delete
"$generator" object:headerFile=hack/boilerplate.go.txt crd paths=./apis/... output:crd:dir=deploy/crds
