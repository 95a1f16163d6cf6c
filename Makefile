# `make help` lists the targets.

SHELL       := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := build

GO         ?= go
FUZZTIME   ?= 30s
LOGS       ?= 64M
REPORT     ?= docs/capacity
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=

# The date is that of the commit, so that a commit gives the same binary everywhere.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null)
DATE    := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

COMMANDS := tstat_send tstat_cull
TOOL     := $(GO) tool -modfile=tools/go.mod

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build $(COMMANDS:%=bin/%)
build: $(COMMANDS:%=bin/%) ## build bin/tstat_send and bin/tstat_cull

$(COMMANDS:%=bin/%): bin/%:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $@ ./cmd/$*

.PHONY: run
run: build ## build both programs, then show the flows of sample logs and the summary; no broker, no marks
	@scripts/run-sample bin/tstat_send

.PHONY: test
test: ## all tests, with the race detector; installs the servers that they need if missing
	scripts/install-cc
	scripts/install-rabbitmq
	scripts/install-prometheus
	scripts/install-packagers
	scripts/install-postgresql
	$(GO) vet ./...
	$(GO) test -short ./...
	$(GO) test -short -tags purego ./internal/fastparse ./internal/message ./internal/privacy
	$(GO) test -run '^$$' -bench . -benchtime 1x ./bench/...
	$(GO) test -race -p 2 -timeout 12m ./...
	$(GO) -C contrib/archive test -race ./...

.PHONY: test-archive
test-archive: ## the tests of contrib/archive, killing processes for DURATION (60s), and its benchmark
	scripts/install-rabbitmq
	scripts/install-postgresql
	$(GO) -C contrib/archive test -race -count=1 -v -timeout 0 ./... -args -chaos $(or $(DURATION),60s)
	$(GO) -C contrib/archive test -run '^$$' -bench . ./...

.PHONY: test-brokers
test-brokers: ## the broker tests with the RabbitMQ of Debian 12, 13 and testing; needs root
	scripts/test-brokers

.PHONY: test-short
test-short: ## the tests that need no server and no race detector
	$(GO) test -short ./...
	$(GO) -C contrib/archive test -short ./...

.PHONY: soak
soak: ## random faults for DURATION (10m) with a real broker; prints a report
	scripts/install-rabbitmq
	$(GO) test -count=1 -timeout 0 -run '^TestSoak$$' -v ./internal/test/soak -args -soak $(or $(DURATION),10m)

.PHONY: lint
lint: ## formatting, vet, golangci-lint, allowed imports, modules, the tracked files
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) golangci-lint run
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/tstat_send
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	$(GO) -C tools/dist mod tidy -diff
	$(GO) -C bench/capacity vet ./...
	$(GO) -C bench/capacity mod tidy -diff
	$(GO) -C tools/dashboard vet ./...
	$(GO) -C tools/dashboard test ./...
	$(GO) -C tools/dashboard mod tidy -diff
	$(GO) -C contrib/archive vet ./...
	$(GO) -C contrib/archive mod tidy -diff
	cd contrib/archive && $(GO) tool -modfile=$(CURDIR)/tools/go.mod golangci-lint run
	$(GO) mod verify
	scripts/check-repo

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## the benchmarks in bench, with logs of LOGS (64M) bytes; takes half an hour, needs a quiet machine
	scripts/install-rabbitmq
	$(GO) test -run '^$$' -bench . -timeout 2h ./bench -args -logs $(LOGS)

.PHONY: compare
compare: ## compare tstat_send with wc, cat, zcat, find and, if installed, mawk, gawk and Miller
	$(GO) run ./bench/compare

.PHONY: capacity
capacity: ## measure settings with a private RabbitMQ, and write a report with plots to REPORT (docs/capacity)
	scripts/install-rabbitmq
	$(GO) -C bench/capacity run . --out $(abspath $(REPORT))

.PHONY: man
man: ## write the man pages and shell completions, after a change of flags
	$(GO) test ./cmd/... -run '^TestManual$$' -count 1 -write-manual

.PHONY: dashboard
dashboard: ## write contrib/grafana/tstat_send.json, after a change of tools/dashboard
	$(GO) -C tools/dashboard run . >contrib/grafana/tstat_send.json

.PHONY: install uninstall
install: build ## install programs, man pages, completions, units, example configuration (PREFIX, SYSCONFDIR, DESTDIR)
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install $@ bin

uninstall: ## remove everything that make install has installed, except the configuration
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install $@ bin

.PHONY: dist
dist: ## write dist/: .tar.gz, .deb and .rpm for amd64 and arm64, and their checksums
	VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' NFPM='$(GO) tool -modfile=$(CURDIR)/tools/dist/go.mod nfpm' scripts/dist

.PHONY: test-packages
test-packages: ## lint, install, upgrade and remove the packages with dpkg and rpm, on an overlay; needs root; part of make test
	scripts/install-packagers
	scripts/test-packages

.PHONY: test-systemd
test-systemd: ## boot a Debian root in namespaces, and test the units there; needs root and a Debian mirror
	scripts/test-systemd

.PHONY: demo
demo: ## show both programs at work with a simulated Tstat and a private RabbitMQ, for DURATION (60s)
	scripts/install-rabbitmq
	scripts/demo $(or $(DURATION),60s)

.PHONY: clean
clean: ## remove bin, build and dist
	rm -rf bin build dist
