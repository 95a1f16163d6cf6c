# `make help` lists the targets.

SHELL       := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := build

GO       ?= go
FUZZTIME ?= 30s
PREFIX   ?= /usr/local
DESTDIR  ?=

# The date is the commit's, not the clock's: one commit gives the same binary anywhere.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
DATE    := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

COMMANDS := tstat_send tstat_cull
TOOL     := $(GO) tool -modfile=tools/go.mod

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build $(COMMANDS:%=bin/%)
build: $(COMMANDS:%=bin/%) ## build bin/tstat_send and bin/tstat_cull

$(COMMANDS:%=bin/%): bin/%:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $@ ./cmd/$*

.PHONY: run
run: bin/tstat_send ## show the flows of sample logs and the summary: no broker, nothing marked
	@scripts/run-sample bin/tstat_send

.PHONY: test
test: ## everything: unit, race, golden, broker, fuzz seeds; installs RabbitMQ where it is missing
	scripts/install-cc
	scripts/install-rabbitmq
	$(GO) vet ./...
	$(GO) test -short ./...
	$(GO) test -run '^$$' -bench . -benchtime 1x ./bench/...
	$(GO) test -race -p 2 -timeout 12m ./...

.PHONY: test-short
test-short: ## the tests that need no broker and no race detector
	$(GO) test -short ./...

.PHONY: lint
lint: ## formatting, vet, golangci-lint with the arrows between packages, modules, the repository itself
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) golangci-lint run
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/tstat_send
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	$(GO) mod verify
	scripts/check-repo

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	scripts/fuzz $(FUZZTIME)

.PHONY: install
install: build ## install the programs below PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 $(COMMANDS:%=bin/%) $(DESTDIR)$(PREFIX)/bin

.PHONY: clean
clean: ## remove what was built
	rm -rf bin build dist
