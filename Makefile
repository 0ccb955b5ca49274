# The commands of this repository. A newcomer needs only `make run` and `make test`.
# CI runs `make test`.
SHELL := /bin/bash
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
PAGE := $(shell find ui/src ui/index.html ui/vite.config.ts ui/svelte.config.js ui/tsconfig.json -type f 2>/dev/null)
# Whole releases without a window have a clock that slows on a busy machine, so they run last.
RELEASE_TESTS := --test release
names = $(basename $(notdir $(wildcard $(1))))
WINDOW_TESTS := --test window
SYSTEM_TESTS := $(patsubst %,--test %,$(filter-out window release,$(call names,tests/tests/*.rs tests/*/tests/*.rs src-tauri/crates/*/tests/*.rs)))
# Clippy compiles our own crates in each build of the tests, so that no second pass checks every
# dependency again. A warning is an error.
export RUSTC_WORKSPACE_WRAPPER = clippy-driver
export CLIPPY_ARGS = -Dwarnings__CLIPPY_HACKERY__
run package simulate mutants-generic audit fuzz-fronts lint: export RUSTC_WORKSPACE_WRAPPER =
NEEDS_DISPLAY := $(if $(DISPLAY)$(WAYLAND_DISPLAY),,--window)
.PHONY: help run package test-package icons setup test test-windows test-systems audit test-quick test-long mutants mutants-sample mutants-generic bench test-page test-fronts test-practice test-readiness test-release test-first-release test-release-kills test-releases test-release-engine test-job-script test-network-faults test-rollout test-journal test-two-operators test-crash simulate bench-engine bench-fronts bench-memory fuzz-fronts lint lint-text practised

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: ## practise a release on the simulator; without a display, play one and leave pictures in out/
	sh tests/support/install-build.sh $(NEEDS_DISPLAY)
	$(MAKE) ui/dist/index.html
	$(CARGO) build -p greenlight $(if $(NEEDS_DISPLAY),-p greenlight-tests --bins)
	sh tests/support/run.sh $(TARGET)/debug/greenlight $(TARGET)/debug/practise

BUNDLES := $(TARGET)/release/bundle

package: ## build the .deb and the .rpm in release mode, and print their sizes
	sh tests/support/install-build.sh
	sh tests/support/install-package.sh
	$(MAKE) ui/dist/index.html
	python3 src-tauri/package/prepare.py
	rm -rf $(BUNDLES)
	cd ui && npm run tauri -- build --bundles deb,rpm -- --locked
	du --apparent-size --block-size=KiB $(BUNDLES)/*/*.deb $(BUNDLES)/*/*.rpm $(TARGET)/release/greenlight

test-package: package ## install the .deb in a fresh Debian 12, start, use and remove it there; judge both packages (root)
	sh tests/support/install-package.sh --test
	python3 tests/support/package/check.py $(BUNDLES)/deb/*.deb $(BUNDLES)/rpm/*.rpm $(TARGET)/fresh-debian

# icon.icns has its images in another order after each run.
icons: ui/node_modules/.package-lock.json ## make every icon from icons/greenlight.svg
	rm -rf $(TARGET)/icons
	cd ui && npm run tauri -- icon icons/greenlight.svg --output $(abspath $(TARGET))/icons
	cd ui && npm run tauri -- icon icons/greenlight.svg --output icons --png 16,24,32,48,64,96,128,256,512
	cp $(TARGET)/icons/icon.icns $(TARGET)/icons/icon.ico icons

setup: ## install the packages of build and tests (sudo when not root)
	sh tests/support/install-build.sh --window
	sh tests/support/install-peers.sh

test: setup lint-text test-page ui/dist/index.html ## page, engine, adapters on real peers, releases, the window; short forms
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --lib $(SYSTEM_TESTS) $(RELEASE_TESTS) $(WINDOW_TESTS) --no-run
	$(MAKE) --jobs=2 --output-sync=target SEEDS=5000 \
		test-windows test-systems simulate mutants-sample test-releases practised

test-quick: test-page ## engine, types and page only; needs no peer
	$(CARGO) test -p greenlight-types -p greenlight-engine

test-long: ui/dist/index.html ## every long form, two at a time
	$(CARGO) build --workspace --bins
	$(MAKE) --jobs=2 --output-sync=target mutants test-crash test-job-script test-network-faults \
		test-two-operators test-rollout test-journal test-practice test-release test-first-release test-release-kills \
		test-release-engine
	$(MAKE) simulate SEEDS=100000

mutants: ## every seeded defect in a copy of the tree; each has to be found (tests/mutants/README.md)
	$(CARGO) build --workspace --bin greenlight-mutants
	$(TARGET)/debug/greenlight-mutants run $(ONLY)

mutants-sample: ## six seeded defects of the engine, others each day: make mutants-sample SAMPLE=3
	$(CARGO) build --workspace --bin greenlight-mutants
	$(TARGET)/debug/greenlight-mutants sample $(or $(SAMPLE),$(shell date +%-j))

mutants-generic: ## generic mutations of the pure decisions (cargo install cargo-mutants --locked)
	$(CARGO) mutants --package greenlight-engine --output $(TARGET)/mutants-generic

bench: bench-engine bench-fronts bench-memory ## every benchmark


test-windows: ui/dist/index.html ## the short tests in the real window; the others are in test-long
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace $(WINDOW_TESTS)

test-systems: ui/dist/index.html ## every other test but test-releases: engine, adapters on real peers, short forms
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --lib $(SYSTEM_TESTS)

test-page: ui/node_modules/.package-lock.json ## the tests of the page
	cd ui && npm test

test-release: ui/dist/index.html ## releases in the real window on real systems
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test window release:: -- --include-ignored

test-first-release: ui/dist/index.html ## from a new computer and an unknown product to the first release
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test window first_release:: -- --include-ignored --nocapture

test-release-kills: ui/dist/index.html ## releases with a SIGKILL inside each of the thirteen steps
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test window kills:: -- --include-ignored

test-practice: ui/dist/index.html ## every trouble, practised in the window; pictures in target/troubles
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test window -- --include-ignored troubles:: practice:: start_over::

test-fronts: ui/dist/index.html ## the simulator with boto3, aws, prism, ssh, git, curl and the app; compares moto
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test git_front --test ssh_front --test fronts_aws --test fronts --test fronts_own -- --nocapture

test-releases: ui/dist/index.html ## the short releases without a window on the simulator
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace $(RELEASE_TESTS)

test-release-engine: ui/dist/index.html ## every release without a window on the simulator
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace $(RELEASE_TESTS) -- --include-ignored

practised: ui/dist/index.html ## one practised release in the window, as `make run` plays it without a display
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/practise $(TARGET)/debug/greenlight $(TARGET)/practised

test-job-script: ui/dist/index.html ## the job script, stopped at every statement, on three shells, with seeded defects
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/greenlight-job-script

test-network-faults: ui/dist/index.html ## jobs on OpenSSH, with network, session or app cut at 60 points in five ways, ten at a time (root)
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/greenlight-network-faults

test-rollout: ## verdicts about 100,000 random looks at AWS, each judged by a second rule as well
	GREENLIGHT_LOOKS=100000 $(CARGO) test --workspace --lib slow_rule

test-journal: ui/dist/index.html ## every file call of the journal fails once in nine ways (two minutes); golden journals open
	GREENLIGHT_WHOLE=1 $(CARGO) test --workspace --test golden --test journal_faults -- --nocapture

test-readiness: ui/dist/index.html ## each readiness check in each state with its words; times beside a dead peer; on the simulator
	$(CARGO) test --workspace --lib readiness -- --nocapture
	$(CARGO) test --workspace --test release ready:: -- --nocapture

test-two-operators: ui/dist/index.html ## two computers at one staging machine, a thousand times: one migration, one lock owner
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/greenlight-two-operators

test-crash: ui/dist/index.html ## SIGKILL at every point of a release, 2,000 at random moments, 100 in the window (15 min)
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/greenlight-crash

simulate: ## releases by the thousand in memory, with faults at every call: make simulate SEEDS=10000
	$(CARGO) run --profile simulate -p greenlight-simulation --bin greenlight-simulation -- $(or $(SEEDS),10000)

bench-memory: ui/dist/index.html ## memory of the app before and during a whole practised release
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/bench_memory $(TARGET)/debug/greenlight $(TARGET)/practised

bench-engine: ui/dist/index.html ## the cost of engine, journal and one poll of a job
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/bench_engine

bench-fronts: ui/dist/index.html ## how long a call takes at each front of the simulator
	$(CARGO) build --workspace --bins
	$(TARGET)/debug/bench_fronts

fuzz-fronts: ## a minute of fuzzing for the ECS and the GitHub front (nightly compiler, cargo-fuzz)
	cd tests && $(CARGO) +nightly fuzz run --fuzz-dir fuzz ecs -- -max_total_time=60
	cd tests && $(CARGO) +nightly fuzz run --fuzz-dir fuzz github -- -max_total_time=60

# Programs from crates.io that `make audit` needs, built once. They run for seconds, and compile
# sooner without optimisation.
TOOLS ?= $(TARGET)/tools
$(TOOLS)/bin/cargo-machete:
	$(CARGO) install --debug --locked --root $(TOOLS) --target-dir $(TOOLS)/build cargo-machete@0.9.2
$(TOOLS)/bin/cargo-deny:
	$(CARGO) install --debug --locked --root $(TOOLS) --target-dir $(TOOLS)/build cargo-deny@0.20.2

$(TOOLS)/python/bin/codespell:
	python3 -m venv $(TOOLS)/python
	$(TOOLS)/python/bin/pip install --quiet codespell==2.4.3

audit: $(TOOLS)/bin/cargo-machete $(TOOLS)/bin/cargo-deny $(TOOLS)/python/bin/codespell ## dependencies (licences, sources, unused), typing errors, links of the docs
	$(TOOLS)/bin/cargo-machete
	$(TOOLS)/bin/cargo-deny check --hide-inclusion-graph licenses bans sources
	$(TOOLS)/python/bin/codespell .
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps --document-private-items

lint: lint-text ui/dist/index.html ## formatting, types, lints and the rules of tests/lint; warnings are errors
	$(CARGO) clippy --workspace --all-targets -- -D warnings

lint-text: ui/node_modules/.package-lock.json ## the same without compiling Rust; `make test` lints while it builds
	python3 -m unittest discover -s tests/lint
	python3 tests/lint/house.py
	cd ui && npm run check && npm run lint
	$(CARGO) fmt --all --check
	rustfmt --edition 2024 --check $$(find tests/mutants/added -name "*.rs")

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json
	cd ui && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# The shell embeds the page when it is compiled.
ui/dist/index.html: ui/node_modules/.package-lock.json $(PAGE)
	cd ui && npm run build
