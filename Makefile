GO       ?= go
FUZZTIME ?= 20s
TEMPL    ?= $(GO) run github.com/a-h/templ/cmd/templ@v0.3.1118
GOLANGCI ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2

# What `optin version` prints. Outside a git checkout, such as in a container's build, they are given: make build VERSION=… COMMIT=…
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS   = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# Without HTTP/2, which neither the listener (plain HTTP behind a proxy) nor calls to webhooks need.
TAGS      = nethttpomithttp2
# A part of a page that is inlined would be compiled anew wherever it is shown: a megabyte.
GCFLAGS   = $(foreach p,templates templates/dashboard internal/inbox internal/openapi,-gcflags github.com/optin/optin/$(p)=-l)
MAXSIZE   = 26214400

BENCH    ?= dist/bench

# What keeps consents and data: make coverage and make mutants look at these.
COVERED   = ./confirm ./confirm/consent ./store ./store/redis ./store/sqlite ./internal/keyring ./internal/token ./internal/ratelimit
MINCOVERED = 95
MUTATED   = ./confirm/consent ./internal/token ./internal/ratelimit ./internal/outbox
MINKILLED = 95
GOVULNCHECK ?= $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0

# golangci-lint keeps what it found by content, with the path of the checkout that it found it in: each checkout has its own.
export GOLANGCI_LINT_CACHE ?= $(CURDIR)/dist/lint

# SQLite's durability is tested too, and nothing is durable on tmpfs, which /tmp may be.
export TMPDIR ?= /var/tmp

.DEFAULT_GOAL := help
.PHONY: help test generate lint vulns coverage mutants race fuzz soak bench costs pictures build size tools

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 14

# Tests mostly wait, for disks, timers and other programs, so more run at once than there are cores.
test: tools lint vulns size ## everything that must hold; installs what it needs (Debian packages) and skips nothing
	$(GO) mod tidy -diff
	$(GO) vet ./...
	OPTIN_TEST_ALL=1 $(GO) test -timeout 9m -parallel 4 $$($(GO) list ./... | grep -vxF "$$($(GO) list $(COVERED))")
	$(MAKE) coverage
	$(MAKE) mutants SINCE=$(or $(SINCE),HEAD^) MOST=20

generate: ## the Go of what is written for templ: *_templ.go, which are committed
	$(TEMPL) generate -include-version=false

lint: ## golangci-lint by .golangci.yml: formatting, imports, line length, staticcheck and more; *_templ.go are up to date
	$(TEMPL) generate -check -include-version=false
	$(GOLANGCI) run

vulns: ## govulncheck: no known vulnerability can be reached; says so if its database cannot be had
	@said=$$($(GOVULNCHECK) ./... 2>&1); is=$$?; echo "$$said" | tail -20; \
	case "$$is$$said" in \
	0*) ;; \
	*"fetching vulnerabilities"*) echo "govulncheck: not checked, because the database cannot be had here";; \
	*) exit 1;; \
	esac

coverage: tools ## statements of what keeps consents and data that its own tests run: at least MINCOVERED percent
	@mkdir -p dist
	OPTIN_TEST_ALL=1 $(GO) test -timeout 9m -parallel 4 -p 4 -coverprofile=dist/coverage.out \
	  -coverpkg=$$($(GO) list $(COVERED) | paste -sd,) $(COVERED) > dist/coverage.txt || { cat dist/coverage.txt; exit 1; }
	@sed 's/ of statements in .*//' dist/coverage.txt
	@$(GO) tool cover -func=dist/coverage.out | awk '/^total:/ {print $$3 " of at least $(MINCOVERED) %"; exit $$3+0 < $(MINCOVERED)}'

mutants: ## changes of the rules, links, limits and workers that no test notices: docs/mutants.md; an hour (SINCE=main: changed lines)
	$(GO) run ./internal/mutants -least $(MINKILLED) $(if $(SINCE),-since $(SINCE)) $(if $(MOST),-most $(MOST)) $(MUTATED)

race: tools ## the same tests under the race detector
	OPTIN_TEST_ALL=1 $(GO) test -race -timeout 30m ./...

fuzz: ## every fuzz target for FUZZTIME (20s)
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; \
	done

soak: tools ## the tests that flood, crowd and stop, at their full size, and every mutant
	OPTIN_SOAK=1 OPTIN_TEST_ALL=1 $(GO) test -v -timeout 600m ./...
	$(MAKE) mutants SINCE=

bench: tools ## what it costs, as ratios to floors of the same run: under ten minutes, into BENCH (dist/bench); see package bench
	OPTIN_TEST_ALL=1 OPTIN_BENCH=$(abspath $(BENCH)) $(GO) test -v -count=1 -timeout 30m -run '^TestMeasure$$' ./bench

costs: tools ## what an act may cost: calls of the store, allocations and bytes, counted (a part of make test)
	OPTIN_TEST_ALL=1 $(GO) test -v -count=1 -run '^(TestAn?|TestTheFloors)' ./bench

pictures: tools ## docs/emails.jpg: every email in every language, to be looked at; docs/dashboard-*.jpg: the demo's dashboard
	OPTIN_TEST_ALL=1 OPTIN_PICTURES=$(abspath docs/emails.jpg) $(GO) test -count=1 -run '^TestPictureOfEveryEmail$$' ./cmd/optin
	OPTIN_TEST_ALL=1 OPTIN_DASHBOARD_PICTURES=$(abspath docs) \
	  $(GO) test -count=1 -run '^TestPicturesOfTheDashboard$$' ./cmd/optin

build: ## the static binary dist/optin, with its version and commit
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) $(GCFLAGS) -ldflags "$(LDFLAGS)" -o dist/optin ./cmd/optin

size: export GOOS = linux
size: export GOARCH = amd64
size: build ## the binary has at most MAXSIZE bytes
	@size=$$(wc -c <dist/optin) && echo "dist/optin has $$size of at most $(MAXSIZE) bytes" && test $$size -le $(MAXSIZE)

# The tests talk to a real redis-server and a real Chromium, run examples in Node and PHP, cut networks, type in a terminal and in
# three shells, and have promtool evaluate alerts and dashboard. Debian's packages bring what is missing; of prometheus
# (19 MB) only promtool is installed.
tools:
	@missing=; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v redis-cli    >/dev/null || missing="$$missing redis-tools"; \
	command -v chromium     >/dev/null || missing="$$missing chromium"; \
	command -v node         >/dev/null || missing="$$missing nodejs"; \
	command -v php          >/dev/null || missing="$$missing php-cli"; \
	command -v ip           >/dev/null || missing="$$missing iproute2"; \
	command -v strace       >/dev/null || missing="$$missing strace"; \
	command -v tmux         >/dev/null || missing="$$missing tmux"; \
	command -v zsh          >/dev/null || missing="$$missing zsh"; \
	command -v fish         >/dev/null || missing="$$missing fish"; \
	promtool=; command -v promtool >/dev/null || promtool=promtool; \
	test -z "$$missing$$promtool" && exit 0; \
	command -v apt-get >/dev/null || { echo "please install:$$missing $$promtool"; exit 1; }; \
	sudo=; test "$$(id -u)" = 0 || sudo=sudo; \
	$$sudo apt-get update -q || exit 1; \
	test -z "$$missing" || DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -q --no-install-recommends $$missing || exit 1; \
	test -z "$$promtool" && exit 0; \
	at=$$(mktemp -d) && cd $$at && apt-get download -q prometheus && \
	dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && \
	$$sudo install usr/bin/promtool /usr/local/bin/ && rm -r $$at
