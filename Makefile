# make run     the server with everything embedded and demo users (http://localhost:8080)
# make test    installs what the tests need, then runs them all
# make lint    what a reviewer runs first: vet, format, staticcheck
# make bench   benchmarks of the hot paths
# make fuzz    every fuzz target for FUZZTIME each (10s)
# make soak    one PART (chat) for its full count, under an hour; writes SOAK.md, SEED=… repeats a run
# make build   bin/parley, bin/parley-verify and bin/parley-load

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s
VERSION     ?= $(shell git describe --tags --always 2>/dev/null || echo dev)

.PHONY: run test lint bench fuzz soak build

run:
	$(GO) run ./cmd/parley dev

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/parley ./cmd/parley-verify ./cmd/parley-load

test:
	.ci/setup
	$(GO) vet ./...
	.ci/go-test
	$(MAKE) build
	$(GO) build -o bin/ ./internal/testenv/engines/stand
	.ci/web-test
	cd deploy/check && $(GO) test -count=1 ./... # it reads files of the other module

lint:
	$(GO) vet ./... ./.ci/report
	.ci/format
	$(GO) run $(STATICCHECK) ./... ./.ci/report

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz:
	FUZZTIME=$(FUZZTIME) .ci/fuzz

soak:
	.ci/setup
	.ci/soak $(PART)
