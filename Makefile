# Everything a developer or CI does. `make help` lists the targets.
SHELL := /bin/bash
GO ?= go
BIN := bin/bartizan
DATA ?= data
LISTEN ?= 127.0.0.1:8420
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BENCH ?= all
FUZZTIME ?= 5m
export CGO_ENABLED := 1

WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what is missing and can be installed without asking; name the rest
	@scripts/setup.sh

web/node_modules/.installed: web/package.json web/package-lock.json
	@scripts/setup.sh node
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build
	@touch $@

.PHONY: build
build: web/dist/index.html ## build the portal and the binary (bin/bartizan)
	@scripts/setup.sh go
	$(GO) build -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/bartizan

.PHONY: run
run: build ## start the server on 127.0.0.1:8420 with the evaluation lab loaded
	$(BIN) serve --data $(DATA) --listen $(LISTEN) --lab

.PHONY: test
test: ## every test: linters, Go on SQLite and PostgreSQL, portal, browser
	@scripts/test.sh

.PHONY: lint
lint: web/node_modules/.installed ## vet, staticcheck, gofumpt, ESLint, Prettier, types
	@scripts/lint.sh

.PHONY: bench
bench: build ## print the measures of the product beside their yardsticks (BENCH=portal runs one group)
	@scripts/bench.sh $(BENCH)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (5m each; FUZZTIME=20s for a short look)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: chaos
chaos: ## break an installation at random for BARTIZAN_CHAOS (10m) while it works
	@BARTIZAN_TEST_CHAOS=$${BARTIZAN_CHAOS:-10m} $(GO) test ./cmd/bartizan -run TestChaos -count=1 -timeout 2h -v

.PHONY: generate
generate: ## regenerate the OpenAPI description, the web client's types and the generated manual pages
	@scripts/generate.sh

.PHONY: clean
clean: ## remove what was built (the data folder stays)
	rm -rf bin web/dist/assets web/dist/index.html
