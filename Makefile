# One Sovereign on this machine, and everything that is done to its sources. `make help` explains the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

CACHE     := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/catalyst
CATALYST  := $(CACHE)/bin/$(shell pwd | sha256sum | cut -c1-12)/catalyst
MODULES   := $(shell sed -n 's/^\t\(\.[^ ]*\)$$/\1/p' go.work)
# The compiler spends a quarter of its time on collecting garbage, of which each process has little, and a seventh on what
# only a debugger reads. The flags are those of `catalyst up`, so that both share what they compile.
GO_BUILD   = CGO_CFLAGS=-O1 GOGC=$(or $(GOGC),1000) GOMEMLIMIT=$(or $(GOMEMLIMIT),1500MiB) go build -buildvcs=false -gcflags=all=-dwarf=false -ldflags='-s -w'

export CATALYST_HOME CATALYST_PORT_OFFSET

##@ A Sovereign

.PHONY: up
up: $(CATALYST) ## Bring up a Sovereign on this machine. DETACH=1 returns when it is ready; KUBECONFIG=FILE uses an existing cluster; CATALYST_HOME and CATALYST_PORT_OFFSET run a second one
	@$(CATALYST) up $(if $(DETACH),--detach) $(if $(findstring command line,$(origin KUBECONFIG)),--kubeconfig '$(KUBECONFIG)')

.PHONY: down
down: $(CATALYST) ## End it; its state stays
	@$(CATALYST) down

.PHONY: status
status: $(CATALYST) ## Show its processes, with their memory
	@$(CATALYST) status

.PHONY: logs
logs: $(CATALYST) ## Show what its processes say: SVC=gateway for one, FOLLOW=1 to go on
	@$(CATALYST) logs $(SVC) $(if $(FOLLOW),-f)

.PHONY: doctor
doctor: $(CATALYST) ## Ask every process whether it is ready, and prove that what people read is what the log and the sources say
	@$(CATALYST) doctor

.PHONY: reset
reset: $(CATALYST) ## End it and delete its state; YES=1 does not ask. What was built stays
	@$(CATALYST) reset $(if $(YES),--yes)

# go build knows best whether there is anything to do.
.PHONY: $(CATALYST)
$(CATALYST):
	@command -v go >/dev/null || { echo 'make: Go is not installed: Catalyst is built here from Go, Node, git, make and gcc' >&2; exit 1; }
	@mkdir -p $(@D)
	@$(GO_BUILD) -o $@ ./cmd/catalyst

##@ Sources

.PHONY: build
build: ## Compile everything of ours
	@for m in $(MODULES); do echo "build $$m"; (cd $$m && go build -buildvcs=false ./...) || exit 1; done
	@cd deploy/local/light && GOWORK=off go build -buildvcs=false -o /dev/null ./...

TOOLS := $(CACHE)/tools

$(TOOLS)/buf: tools/buf/go.mod
	@cd tools/buf && GOWORK=off go build -o $(TOOLS)/ github.com/bufbuild/buf/cmd/buf google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go && touch $@
$(TOOLS)/controller-gen: tools/controller-gen/go.mod
	@cd tools/controller-gen && GOWORK=off go build -o $@ sigs.k8s.io/controller-tools/cmd/controller-gen && touch $@
$(TOOLS)/gqlgen: tools/gqlgen/go.mod
	@cd tools/gqlgen && GOWORK=off go build -o $@ github.com/99designs/gqlgen && touch $@
$(TOOLS)/golangci-lint: tools/golangci-lint/go.mod
	@cd tools/golangci-lint && GOWORK=off go build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint && touch $@

.PHONY: generate
generate: $(TOOLS)/buf $(TOOLS)/controller-gen $(TOOLS)/gqlgen ## Make what is generated anew: protobuf, custom resources, GraphQL, OpenAPI, the console's client
	@cd proto && PATH="$(TOOLS):$$PATH" buf lint && PATH="$(TOOLS):$$PATH" buf generate
	@cd pkg/api && $(TOOLS)/controller-gen object:headerFile=/dev/null paths=./... && $(TOOLS)/controller-gen crd paths=./... output:crd:artifacts:config=../../deploy/crds
	@cd services/gateway/internal/graphql && $(TOOLS)/gqlgen generate --config gqlgen.yml
	@mkdir -p docs/api && tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
		for s in catalog provisioning; do go run -buildvcs=false ./services/$$s openapi > $$tmp/$$s.json || exit 1; done && \
		go run -buildvcs=false ./services/gateway openapi $$tmp/catalog.json $$tmp/provisioning.json > docs/api/openapi.json
	@cd web/tools && { [ -d node_modules ] || npm ci --silent; } && npm run --silent generate

.PHONY: lint
lint: $(TOOLS)/golangci-lint web/node_modules ## Check format, style and the rules of what may import what
	@for m in $(MODULES); do echo "lint $$m"; (cd $$m && $(TOOLS)/golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done
	@cd web && npm run --silent lint && npm run --silent typecheck

.PHONY: check
check: lint ## Check that the house is in order: lint, generated files, go.mod of each module alone
	@for m in $(MODULES); do (cd $$m && GOWORK=off go mod tidy -diff && GOWORK=off go build -buildvcs=false ./...) || exit 1; done
	@$(MAKE) --no-print-directory generate && git diff --exit-code --stat -- proto pkg/api deploy/crds services/gateway/internal/graphql docs/api web/src || { echo 'make generate changes committed files: run it and commit what it makes' >&2; exit 1; }

web/node_modules: web/package-lock.json
	@cd web && npm ci --silent && touch node_modules

##@ Tests

.PHONY: test
test: test-unit test-web test-sovereign ## Run every test: units, the console, and a Sovereign of its own with a browser

.PHONY: test-unit
test-unit: ## Run the unit tests, with the race detector
	@go test -race work

.PHONY: test-web
test-web: web/node_modules ## Run the console's unit tests
	@cd web && npm test --silent

.PHONY: test-sovereign
test-sovereign: $(CATALYST) web/node_modules ## Run the integration tests and the browser's journey on a Sovereign of their own
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; }
	@CATALYST=$(CATALYST) test/with-sovereign sh -c 'cd web && node --test --test-reporter=spec e2e/ && cd .. && $(GO_INTEGRATION) $(ADAPTERS) && $(GO_INTEGRATION) -p 1 ./test/path ./test/spine && $(GO_INTEGRATION) ./test/chaos'

.PHONY: bench-path
bench-path: $(CATALYST) ## Measure click to Running and push to card, beside their floor
	@CATALYST=$(CATALYST) test/with-sovereign go test -v -count=1 -timeout 20m -tags bench -run TestBenchPath ./test/bench/

.PHONY: bench-spine
bench-spine: $(CATALYST) ## Measure the read side: ingest, projection, rebuild, stream and reads, and a change's way to a client
	@set -o pipefail; status=0; for m in observer projector gateway; do (cd services/$$m && go test -v -count=1 -timeout 40m -tags bench -run TestBenchSpine ./...) | grep -v 'no test files\|^testing: warning' || status=1; done; \
		CATALYST=$(CATALYST) test/with-sovereign go test -v -count=1 -timeout 20m -tags bench -run TestBenchSpine ./test/bench/ || status=1; exit $$status

.PHONY: bench-write
bench-write: $(CATALYST) ## Measure the write side: a plan over 50 Applications, and 200 installs beside a bare push
	@set -o pipefail; status=0; (cd pkg && go test -v -count=1 -timeout 20m -tags bench -run TestBenchWrite ./blueprint/resolve) || status=1; \
		CATALYST=$(CATALYST) test/with-sovereign go test -v -count=1 -timeout 40m -tags bench -run TestBenchWrite ./test/bench/ || status=1; exit $$status

.PHONY: bench-policy
bench-policy: ## Measure how long gates take to evaluate
	@cd pkg && go test -v -count=1 -timeout 20m -tags bench -run TestBenchPolicy ./policy

.PHONY: chaos-write
chaos-write: $(CATALYST) ## Install 1,000 Applications while everything on their way is killed; CATALYST_CHAOS_INSTALLS=N for another number
	@CATALYST=$(CATALYST) CATALYST_CHAOS_INSTALLS=$(or $(CATALYST_CHAOS_INSTALLS),1000) test/with-sovereign go test -v -count=1 -timeout 120m -tags integration -run TestInstallsWhileEverythingDies ./test/chaos/

GO_INTEGRATION := go test -race -count=1 -timeout 25m -tags integration
# Adapters against servers of their own; ./test/... shares one Sovereign, and breaks it on purpose: one package at a time.
ADAPTERS := ./pkg/forge/... ./services/observer ./services/environment-controller ./services/provisioning ./services/provisioning/internal/kubernetes

.PHONY: help
help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z_ -]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
