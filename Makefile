# The commands of this repository. `make test` is what CI runs.
SHELL := /bin/bash
CARGO ?= cargo
.PHONY: help setup test test-quick test-release-engine lint

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: ## install the Debian packages that build and tests need (sudo when not root)
	sh tests/support/install-build.sh
	sh tests/support/install-peers.sh

test: setup ui/dist/index.html lint ## every test: engine, adapters on real peers, whole releases on the pretend production
	$(CARGO) test --workspace

test-quick: ## engine, types and pretend production only; needs no peer
	$(CARGO) test -p greenlight-types -p greenlight-engine

test-release-engine: ## whole releases without a window against the pretend production
	$(CARGO) test -p greenlight-tests --test release

lint: ui/dist/index.html ## formatting and lints, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# The shell embeds a page when it is compiled. Until ui/ has one, it embeds a sentence that says so.
ui/dist/index.html:
	mkdir -p ui/dist
	printf '<!doctype html><html lang="en"><title>Greenlight</title><p>This build of Greenlight has no page yet.</p></html>\n' > $@
