# SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

BIN := $(CURDIR)/bin

CONTROLLER_GEN := bin/controller-gen-v0.21.0
GOLANGCI_LINT := bin/golangci-lint-v2.15.0
GOTESTSUM := bin/gotestsum-v1.13.0
GOVULNCHECK := bin/govulncheck-v1.9.0

# The version that kube-apiserver tells its clients; the modules carry none of their own.
version = $(shell awk '$$1 == "$(2)" { print $$2; exit }' hack/tools/$(1)/go.mod)
KUBE_LDFLAGS = -X k8s.io/component-base/version.gitVersion=$(call version,kube,k8s.io/kubernetes)

CYCLONEDX := bin/cyclonedx-gomod-v1.10.0
GORELEASER := bin/goreleaser-v2.13.0

# What a release is called, and the time that is in it: nothing but the commit decides.
VERSION ?= $(shell git describe --tags --match 'v*' --always --dirty 2>/dev/null || echo v0.0.0)
EPOCH = $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

export KUBE_BIND_BIN := $(BIN)

##@ To begin with

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: tools build $(if $(filter kcp,$(PROVIDER)),bin/kcp) ## Bind an API between two control planes and sync an object both ways. KEEP=1 leaves them running, PROVIDER=kcp has kcp as the provider.
	@go build -o bin/demo ./hack/demo
	@bin/demo $(if $(KEEP),--keep) $(if $(PROVIDER),--provider=$(PROVIDER))

.PHONY: build
build: ## Build kube-bind-backend, konnector, kubectl-bind and kcp-init into bin/.
	@mkdir -p bin
	go build -o bin/ ./cmd/... ./contrib/kcp/cmd/...

.PHONY: images
images: $(CYCLONEDX) ## Build the container images into dist/images (OCI layouts), without a container runtime, and lists of what is in them into dist/sbom.
	@go run ./hack/images -o dist -version $(VERSION) -epoch $(EPOCH) -sbom $(CYCLONEDX)

.PHONY: charts
charts: ## Package the Helm charts into dist/charts, without Helm: they install the images of the same VERSION.
	@go run ./hack/charts -o dist/charts -version $(VERSION) -epoch $(EPOCH)

.PHONY: release-snapshot
release-snapshot: $(GORELEASER) $(CYCLONEDX) ## Build what a release of kubectl bind is into dist/release, krew's manifest too, and publish nothing.
	@PATH=$(BIN):$$PATH $(GORELEASER) release --snapshot --clean

.PHONY: site
site: ## Build the documentation into dist/site: open index.html, there is nothing to serve or to load.
	@go run ./hack/site -o dist/site

##@ Tests

# The packages whose tests run shipped binaries, one package at a time.
E2E := /test/(charts|docs|e2e|faults|integrations|kcp|story)(/|$$)

.PHONY: test
test: test-unit test-e2e test-kcp ## Run all tests.

.PHONY: test-unit
test-unit: tools-test $(GOTESTSUM) ## Run the tests of single packages; those that need one start real API servers.
	@packages=$$(go list ./... | grep -Ev '$(E2E)'); \
	$(GOTESTSUM) --format=standard-quiet -- -count=1 -p=2 -timeout=25m $$packages

.PHONY: test-e2e
test-e2e: tools-test build $(GOTESTSUM) ## Run the shipped binaries against two control planes.
	@packages=$$(go list ./... | grep -E '$(E2E)') || { echo "there are no end-to-end tests" >&2; exit 1; }; \
	$(GOTESTSUM) --format=standard-quiet -- -count=1 -p=1 -parallel=4 -timeout=30m $$packages

.PHONY: test-kcp
test-kcp: tools-test build $(GOTESTSUM) ## Run the end-to-end suite against a kcp, in both tenancies.
	@failed=; for tenancy in namespace workspace; do \
		KUBE_BIND_TEST_PROVIDER=kcp-$$tenancy $(GOTESTSUM) --format=standard-quiet -- -count=1 -parallel=4 -timeout=40m ./test/e2e || failed+=" $$tenancy"; \
	done; if [ -n "$$failed" ]; then echo "failed with tenancy:$$failed" >&2; exit 1; fi

.PHONY: soak
soak: tools ## Let users and faults go on at random for SOAK (30m), then look whether all is well. SEED repeats a walk; make test has 3 minutes of one.
	@KUBE_BIND_WALK_FOR=$(or $(SOAK),30m) KUBE_BIND_WALK_SEED=$(or $(SEED),random) \
		go test -count=1 -v -timeout=0 -run '^TestRandomWalk$$' ./test/faults

.PHONY: fuzz
fuzz: ## Try what parses foreign input with random input, FUZZTIME (30s) for each.
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$$file" | while read -r name; do \
			echo "$$(dirname $$file) $$name"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(or $(FUZZTIME),30s) "$$(dirname $$file)" </dev/null; \
		done; \
	done

.PHONY: bench
bench: tools build $(if $(filter kcp,$(PROVIDER)),bin/kcp) ## Measure the konnector against the raw floor; prints a table and writes bench.json. PROVIDER=kcp: and a kcp beside the plain provider.
	@go build -o bin/bench ./test/bench
	@bin/bench -o bench.json $(if $(filter kcp,$(PROVIDER)),--kcp)

.PHONY: bench-scale
bench-scale: tools build ## Measure 10,000 objects, 500 consumers of one backend, and replicas that share logical clusters; prints a table and writes bench-scale.json.
	@go build -o bin/bench ./test/bench
	@bin/bench -o bench-scale.json --large

##@ Code

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Write deepcopy functions and deploy/crds anew from the types in apis.
	@hack/generate.sh $(CONTROLLER_GEN) .

.PHONY: verify
verify: $(CONTROLLER_GEN) ## Look whether generated files, go.mod and formatting are current; changes nothing.
	@hack/verify.sh $(CONTROLLER_GEN)

.PHONY: lint
lint: $(GOLANGCI_LINT) $(GOVULNCHECK) ## Run go vet, golangci-lint and, where its database can be reached, govulncheck on every module with code.
	@hack/lint.sh $(GOLANGCI_LINT) $(GOVULNCHECK)

##@ Tools, built from source into bin/ when their go.mod has changed

.PHONY: tools
tools: bin/etcd bin/kube-apiserver bin/kube-controller-manager bin/kubectl ## Build etcd, kube-apiserver, kube-controller-manager and kubectl.

.PHONY: tools-test
tools-test: tools bin/kube-scheduler bin/kwok bin/dex bin/kcp ## Build what only tests need besides: kube-scheduler, kwok, Dex and kcp.

.PHONY: system-packages
system-packages: ## Install what tests need of the system, with Debian's packages: chromium, redis-server, curl and a C compiler.
	@hack/system-packages.sh

.PHONY: tools-kcp
tools-kcp: bin/kcp ## Build kcp.

# go build leaves a file that is current as it is; touch tells make so.
bin/etcd: hack/tools/etcd/go.mod
	@echo "building $@: takes about 35 s the first time"
	@go build -C hack/tools/etcd -o $(BIN)/etcd go.etcd.io/etcd/server/v3
	@touch $@

bin/kube-apiserver: hack/tools/kube/go.mod
	@echo "building $@: takes 2.5 to 5 min the first time"
	@go build -C hack/tools/kube -ldflags "$(KUBE_LDFLAGS)" -o $(BIN)/kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
	@touch $@

bin/kube-controller-manager: hack/tools/kube/go.mod
	@echo "building $@: takes about 1 min the first time"
	@go build -C hack/tools/kube -ldflags "$(KUBE_LDFLAGS)" -o $(BIN)/kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
	@touch $@

bin/kube-scheduler: hack/tools/kube/go.mod
	@echo "building $@: takes about 20 s the first time"
	@go build -C hack/tools/kube -ldflags "$(KUBE_LDFLAGS)" -o $(BIN)/kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler
	@touch $@

bin/kubectl: hack/tools/kube/go.mod
	@echo "building $@: takes about 1 min the first time"
	@go build -C hack/tools/kube -ldflags "$(KUBE_LDFLAGS)" -o $(BIN)/kubectl k8s.io/kubernetes/cmd/kubectl
	@touch $@

bin/kwok: hack/tools/kwok/go.mod
	@echo "building $@: takes 2 to 5 min the first time"
	@go build -C hack/tools/kwok -o $(BIN)/kwok sigs.k8s.io/kwok/cmd/kwok
	@touch $@

# Dex cannot be built without its SQLite, and so needs a C compiler; nothing here uses it, so that it may be slow.
bin/dex: hack/tools/dex/go.mod
	@echo "building $@: takes about 2 min the first time"
	@CGO_ENABLED=1 CGO_CFLAGS=-O0 go build -C hack/tools/dex -o $(BIN)/dex github.com/dexidp/dex/cmd/dex
	@touch $@

# Some of kcp's modules are unknown to the public checksum database; its go.sum vouches for them.
bin/kcp: hack/tools/kcp/go.mod
	@echo "building $@: takes about 6 min the first time"
	@GONOSUMDB='github.com/kcp-dev/*' go build -C hack/tools/kcp -o $(BIN)/kcp github.com/kcp-dev/kcp/cmd/kcp
	@touch $@

$(CONTROLLER_GEN):
	@hack/install.sh $@ sigs.k8s.io/controller-tools/cmd/controller-gen

$(GOLANGCI_LINT):
	@hack/install.sh $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GORELEASER):
	@hack/install.sh $@ github.com/goreleaser/goreleaser/v2

$(CYCLONEDX):
	@hack/install.sh $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(GOVULNCHECK):
	@hack/install.sh $@ golang.org/x/vuln/cmd/govulncheck

$(GOTESTSUM):
	@hack/install.sh $@ gotest.tools/gotestsum
