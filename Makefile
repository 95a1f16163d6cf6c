# `make help` lists the targets.

SHELL       := /bin/sh
.SHELLFLAGS := -euc
.DEFAULT_GOAL := build

GO         ?= go
FUZZTIME   ?= 30s
DURATION   ?= 60s
LOGS       ?= 64M
REPORT     ?= docs/capacity
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=

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
run: build ## build both programs, then show the flows of sample logs and the summary: no broker, nothing marked
	@scripts/run-sample bin/tstat_send

.PHONY: test
test: ## everything: unit, race, golden, broker, fuzz seeds; installs RabbitMQ where it is missing
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
	$(GO) -C contrib/archive test ./...

.PHONY: test-archive
test-archive: ## each flow once in PostgreSQL, whatever is killed: contrib/archive, for DURATION (60s), and its benchmark
	scripts/install-rabbitmq
	scripts/install-postgresql
	$(GO) -C contrib/archive test -race -count=1 -v -timeout 0 ./... -args -chaos $(DURATION)
	$(GO) -C contrib/archive test -run '^$$' -bench . ./...

.PHONY: test-brokers
test-brokers: ## the broker tests on the RabbitMQ of Debian 12, 13 and testing, in Debian roots that it fetches; as root
	scripts/test-brokers

.PHONY: test-short
test-short: ## the tests that need no broker and no race detector
	$(GO) test -short ./...
	$(GO) -C contrib/archive test -short ./...

.PHONY: soak
soak: ## everything that can go wrong, at random, for DURATION (10m), against a real broker; prints a report
	scripts/install-rabbitmq
	$(GO) test -count=1 -timeout 0 -run '^TestSoak$$' -v ./internal/test/soak -args -soak $(DURATION)

.PHONY: lint
lint: ## formatting, vet, golangci-lint with the arrows between packages, modules, the repository itself
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
bench: ## every benchmark, on logs of LOGS (64M) bytes; half an hour, on a machine that does nothing else
	scripts/install-rabbitmq
	$(GO) test -run '^$$' -bench . -timeout 2h ./bench -args -logs $(LOGS)

.PHONY: compare
compare: ## tstat_send beside wc, cat, zcat, find, and mawk, gawk and Miller where they are installed
	$(GO) run ./bench/compare

.PHONY: capacity
capacity: ## measure settings against a RabbitMQ of its own, and write a report with plots to REPORT (docs/capacity)
	scripts/install-rabbitmq
	$(GO) -C bench/capacity run . --out $(abspath $(REPORT))

.PHONY: man
man: ## write the man pages and shell completions anew, after a change of flags
	$(GO) test ./cmd/... -run '^TestManual$$' -count 1 -write-manual

.PHONY: dashboard
dashboard: ## write contrib/grafana/tstat_send.json anew, after a change of tools/dashboard
	$(GO) -C tools/dashboard run . >contrib/grafana/tstat_send.json

.PHONY: install uninstall
install: build ## install programs, man pages, completions, units, example configuration (PREFIX, SYSCONFDIR, DESTDIR)
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install $@ bin

uninstall: ## remove what make install has installed, but not the configuration
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' scripts/install $@ bin

.PHONY: dist
dist: ## make dist/: tar.gz, .deb and .rpm for amd64 and arm64, and their checksums
	VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' NFPM='$(GO) tool -modfile=$(CURDIR)/tools/dist/go.mod nfpm' scripts/dist

.PHONY: test-packages
test-packages: ## lint, install, upgrade and remove the .deb and the .rpm with real dpkg and rpm, on an overlay; as root; a part of make test
	scripts/install-packagers
	scripts/test-packages

.PHONY: test-systemd
test-systemd: ## boot a Debian root with systemd in namespaces, and try the units there; needs root and a Debian mirror
	scripts/test-systemd

.PHONY: demo
demo: ## watch both programs at work beside a Tstat-like writer, with a RabbitMQ of their own, for DURATION (60s)
	scripts/install-rabbitmq
	scripts/demo $(DURATION)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin build dist
