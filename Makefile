# The commands of this repository. `make test` is what CI runs.
SHELL := /bin/bash
CARGO ?= cargo
.PHONY: help setup test test-quick test-release-engine lint

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

setup: ## install the Debian packages that build and tests need (sudo when not root)
	sh tests/support/install-build.sh
	sh tests/support/install-peers.sh

test: setup lint ## every test: engine, adapters on real peers, whole releases on the pretend production
	$(CARGO) test --workspace --exclude greenlight

test-quick: ## engine, types and pretend production only; needs no peer
	$(CARGO) test -p greenlight-types -p greenlight-engine

test-release-engine: ## whole releases without a window against the pretend production
	$(CARGO) test -p greenlight-tests --test release

lint: ## formatting and lints, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --exclude greenlight --all-targets -- -D warnings
