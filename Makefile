# make test   everything that must hold; installs what it needs (Debian packages), skips nothing
# make race   the same packages under the race detector
# make lint   what golangci-lint finds, by .golangci.yml
# make fuzz   every fuzz target for a while
# make soak   the tests that are the same at their full size
# make bench  what it costs, as ratios to floors of the same run; about five minutes, sizes by OPTIN_BENCH_… (package bench)
# make build  the static binary, dist/optin

GO       ?= go
FUZZTIME ?= 20s
GOLANGCI ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2

# SQLite's durability is tested too, and nothing is durable on tmpfs, which /tmp may be.
export TMPDIR ?= /var/tmp

.PHONY: test race lint fuzz soak bench build tools

test: tools
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not formatted:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	OPTIN_TEST_ALL=1 $(GO) test -timeout 9m ./...

race: tools
	OPTIN_TEST_ALL=1 $(GO) test -race -timeout 30m ./...

lint:
	$(GOLANGCI) run

fuzz:
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; \
	done

soak: tools
	OPTIN_SOAK=1 OPTIN_TEST_ALL=1 $(GO) test -v -timeout 90m ./...

bench: tools
	OPTIN_TEST_ALL=1 $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./bench

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o dist/optin ./cmd/optin

# The tests talk to a real redis-server and a real Chromium, and run examples in Node and PHP. Where these are missing, Debian's
# packages bring them.
tools:
	@missing=; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v redis-cli    >/dev/null || missing="$$missing redis-tools"; \
	command -v chromium     >/dev/null || missing="$$missing chromium"; \
	command -v node         >/dev/null || missing="$$missing nodejs"; \
	command -v php          >/dev/null || missing="$$missing php-cli"; \
	test -z "$$missing" && exit 0; \
	command -v apt-get >/dev/null || { echo "please install:$$missing"; exit 1; }; \
	sudo=; test "$$(id -u)" = 0 || sudo=sudo; \
	$$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -q --no-install-recommends $$missing
