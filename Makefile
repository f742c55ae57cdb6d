# `make test` is all that CI runs: it sets up what it needs on Debian 12, checks, tests, and says at the end what ran.
# `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS := $(TARGET)/test-tools
RAN := $(TOOLS)/ran
# clippy, tests and suites share one profile, so that dependencies are built once.
PROFILE := --profile ci --locked

# The program that runs benches must be of the same version as the library that they are written with.
GUNGRAUN := $(shell sed -n '/^name = "gungraun"$$/ { n; s/version = "\(.*\)"/\1/p }' Cargo.lock)

# Third-party suites, when they lie beside the repository; each must pass.
KIT ?= ../shared/conformance
SUITES := edns pdns ferret
# Mutated packets, thrown with each of these seeds at a server of its own. The suite mostly waits, so all run at once, each in
# a network namespace of its own, since all servers want the same ports; where there can be none, one after the other.
CORPUS_SEEDS := 1 2 3
ALONE := unshare --net --pid --fork --kill-child sh -c 'ip link set lo up && exec "$$@"' alone
LAUNCH := python3 launch_azimuth.py {dir} {addr} {port}
edns := edns/edns_compliance.py
ferret := ferret/run.py
pdns := pdns/run.py

# Our own, with other servers on the other side: tests/interop/NAME.py. Options are for `make test`; docs/testing.md has longer runs.
INTEROP := gdnsd dnssec transfer update scale amplification picture xdp
gdnsd_options :=
dnssec_options :=
transfer_options :=
update_options := --kills 20
scale_options :=
amplification_options :=
picture_options :=
xdp_options :=

# Debian keeps servers where an ordinary user's PATH does not lead.
export PATH := $(TOOLS)/bin:$(TOOLS)/venv/bin:$(PATH):/usr/sbin
export AZIMUTH_BIN := $(TARGET)/ci/azimuth
export AZIMUTH_WORKBENCH := $(TARGET)/ci/examples/workbench
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help
help: ## lists the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

.PHONY: test
test: setup begin fmt lint unit doc bench interop peers-smoke conformance ## everything: set-up, checks, tests, suites
	@echo "make test: all of this ran and passed: $$(paste -sd ';' $(RAN) | sed 's/;/; /g')"

.PHONY: begin
begin:
	@mkdir -p $(TOOLS)
	: > $(RAN)

.PHONY: fmt
fmt: ## formatting is rustfmt's
	@echo '== cargo fmt'
	$(CARGO) fmt --all -- --check
	echo 'cargo fmt' >> $(RAN)

.PHONY: lint
lint: ## clippy, warnings are errors
	@echo '== cargo clippy'
	$(CARGO) clippy $(PROFILE) --all-targets -- -D warnings
	echo 'clippy' >> $(RAN)

.PHONY: unit
unit: ## Rust tests: in the rooms, golden scenarios, properties, end to end, tidy, zero_alloc
	@echo '== cargo test'
	$(CARGO) test $(PROFILE) --no-fail-fast 2>&1 | tee $(TOOLS)/cargo-test.log
	count=$$(awk '/^test result: ok/ { sum += $$4 } END { print sum + 0 }' $(TOOLS)/cargo-test.log)
	if [ "$$count" -lt 100 ]; then
		echo "make unit: only $$count tests ran; some test binary was left out" >&2
		exit 1
	fi
	echo "$$count Rust tests" >> $(RAN)

.PHONY: doc
doc: ## documentation, warnings are errors
	@echo '== cargo doc'
	# Links to private items are meant: who reads these pages reads the code.
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' $(CARGO) doc $(PROFILE) --no-deps --document-private-items
	echo 'docs' >> $(RAN)

.PHONY: bench
bench: $(TOOLS)/bin/gungraun-runner-$(GUNGRAUN) ## counts instructions and compares them with benches/baseline.json
	@echo '== instructions'
	python3 benches/compare.py | tee $(TOOLS)/instructions.log
	tail -n 1 $(TOOLS)/instructions.log >> $(RAN)

.PHONY: bench-baseline
bench-baseline: $(TOOLS)/bin/gungraun-runner-$(GUNGRAUN) ## writes what instructions are counted now into benches/baseline.json
	@python3 benches/compare.py --renew

# The comparison with other servers: what is shipped, and the programs that measure it.
PEERS := AZIMUTH_BIN=$(TARGET)/release/azimuth AZIMUTH_WORKBENCH=$(TARGET)/release/examples/workbench

.PHONY: release
release:
	@$(CARGO) build --release --locked --bin azimuth --example workbench

.PHONY: peers
peers: release ## measures Azimuth beside other servers; writes the table and the chart of docs/PERFORMANCE.md
	@$(PEERS) python3 benches/peers.py --json $(TARGET)/peers.json --publish

.PHONY: limits
limits: release ## measures two workers, reloads and changes of health under load, latency, start and memory
	@$(PEERS) python3 benches/limits.py

.PHONY: xdp-bench
xdp-bench: release ## measures answers over sockets and past them, by XDP, beside Knot's XDP mode
	@$(PEERS) python3 benches/xdp.py

.PHONY: peers-smoke
peers-smoke: build ## the same for a moment each: all that are installed answer as expected
	@echo '== peers, a moment each'
	python3 benches/peers.py --rounds 1 --seconds 0.2 --settle 0 --retries 0 --no-instructions --require | tee $(TOOLS)/peers.log
	tail -n 1 $(TOOLS)/peers.log >> $(RAN)

.PHONY: build
build: ## the binary that the suites start
	@# As the tests have built it already: a plain `build` leaves out features of test dependencies, and so builds all anew.
	$(CARGO) test $(PROFILE) --test all --example workbench --no-run

.PHONY: interop $(INTEROP)
interop: $(INTEROP) ## with other servers: gdnsd, dnssec, transfer, update, scale, amplification, picture, xdp

$(INTEROP): build $(TOOLS)/venv/installed
	@echo '== interop: $@'
	python3 tests/interop/$@.py $($@_options) 2>&1 | tee "$(TOOLS)/$@.log"
	grep -E '^$@: [0-9]+ passed, 0 failed' "$(TOOLS)/$@.log" | tail -n 1 >> $(RAN)

.PHONY: conformance
conformance: build ## third-party suites in $(KIT)
	@if [ ! -d '$(KIT)' ]; then
		echo '== conformance suites: there is no $(KIT), nothing to run'
		echo 'no conformance suites (there is no $(KIT))' >> $(RAN)
		exit 0
	fi
	run() { # NAME SCRIPT OPTIONS: prints all, keeps the score
		echo "== conformance: $$1"
		(cd '$(KIT)' && python3 "$$2" --cmd '$(LAUNCH)' $$3) 2>&1 | tee "$(TOOLS)/$$1.log"
	}
	score() { grep -E '^[0-9]+ passed, [0-9]+ failed' "$(TOOLS)/$$1.log" | tail -n 1; }
	throw() { # SEED [COMMAND ...]: keeps what is printed; COMMAND is what it runs under
		(cd '$(KIT)' && "$${@:2}" python3 corpus/throw.py --cmd '$(LAUNCH)' --mut 200 --seed "$$1") > "$(TOOLS)/corpus-$$1.log" 2>&1
	}
	declare -A thrown
	trap 'kill $$(jobs -p) 2> /dev/null || true' EXIT
	for seed in $(CORPUS_SEEDS); do
		if $(ALONE) true 2> /dev/null; then
			throw "$$seed" $(ALONE) &
			thrown[$$seed]=$$!
		fi
	done
	$(foreach suite,$(SUITES),
	run $(suite) '$($(suite))' '$($(suite)_options)'
	echo "$(suite): $$(score $(suite))" >> $(RAN)
	)
	for seed in $(CORPUS_SEEDS); do
		echo "== conformance: corpus with seed $$seed"
		if [ -n "$${thrown[$$seed]:-}" ]; then
			wait "$${thrown[$$seed]}" || { cat "$(TOOLS)/corpus-$$seed.log" >&2; exit 1; }
		else
			throw "$$seed" || { cat "$(TOOLS)/corpus-$$seed.log" >&2; exit 1; }
		fi
		cat "$(TOOLS)/corpus-$$seed.log"
		echo "corpus, seed $$seed: $$(score "corpus-$$seed")" >> $(RAN)
	done

.PHONY: setup
setup: ## installs what the tests need (root, or it says what to install)
	@missing=()
	need() { command -v "$$1" > /dev/null || missing+=("$$2"); }
	need cc build-essential
	need curl curl
	need dig bind9-dnsutils
	need git git
	need python3 python3
	python3 -c 'import venv, ensurepip' 2> /dev/null || missing+=(python3-venv)
	# Peers and judges of tests/interop.
	need nsd nsd
	need knotd knot
	need named bind9
	need dnssec-signzone bind9-utils
	need nsupdate bind9-dnsutils
	need delv bind9-dnsutils
	need unbound unbound
	need dnsviz dnsviz
	need valgrind valgrind
	need ip iproute2
	need haproxy haproxy
	need nginx nginx
	need socat socat
	if [ $${#missing[@]} -gt 0 ]; then
		if [ "$$(id -u)" != 0 ]; then
			echo "make setup: not root; install these first: apt-get install $${missing[*]}" >&2
			exit 1
		fi
		echo "== apt-get install $${missing[*]}"
		apt-get update -q
		# Debian starts a server when it is installed, unless this says no: the tests start their own, and port 53 has an owner.
		if [ ! -e /usr/sbin/policy-rc.d ]; then
			trap 'rm -f /usr/sbin/policy-rc.d' EXIT
			printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
			chmod 755 /usr/sbin/policy-rc.d
		fi
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$${missing[@]}"
	fi
	if ! command -v $(CARGO) > /dev/null; then
		echo 'make setup: there is no cargo; install Rust 1.95 or newer with rustup' >&2
		exit 1
	fi
	for component in fmt clippy; do
		$(CARGO) $$component --version > /dev/null 2>&1 || rustup component add rustfmt clippy
	done
	$(MAKE) -s $(TOOLS)/bin/promtool $(TOOLS)/venv/installed $(TOOLS)/bin/gungraun-runner-$(GUNGRAUN)

# From Debian's package of Prometheus, unpacked rather than installed: installing it would start a server.
$(TOOLS)/bin/promtool:
	@mkdir -p $(@D)
	if installed=$$(PATH=$${PATH#$(TOOLS)/bin:} command -v promtool); then
		ln -sf "$$installed" $@
		exit 0
	fi
	echo '== promtool'
	cd $(TOOLS)
	rm -f prometheus_*.deb
	if ! apt-get download -q prometheus; then
		[ "$$(id -u)" = 0 ] && apt-get update -q && apt-get download -q prometheus || {
			echo 'make setup: no promtool; install it, or run `apt-get update` and try again' >&2
			exit 1
		}
	fi
	dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x -C bin --strip-components=3 ./usr/bin/promtool
	rm prometheus_*.deb
	promtool --version 2>&1 | head -n 1

# It starts valgrind and reads what that writes: nothing that optimising would speed up.
$(TOOLS)/bin/gungraun-runner-$(GUNGRAUN):
	@echo '== gungraun-runner $(GUNGRAUN)'
	CARGO_PROFILE_DEV_DEBUG=false $(CARGO) install gungraun-runner --version '=$(GUNGRAUN)' --locked --debug --force -q \
		--root $(TOOLS) --target-dir $(TOOLS)/gungraun-build
	rm -rf $(TOOLS)/gungraun-build
	touch $@

# The suites, ours and those of others, are written in Python and need dnspython.
$(TOOLS)/venv/installed: tests/requirements.txt
	@echo '== Python packages'
	rm -rf $(@D)
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make setup: Python 3.11 or newer is needed")'
	python3 -m venv $(@D)
	$(@D)/bin/pip install -q --disable-pip-version-check -r $<
	touch $@

.PHONY: update-golden
update-golden: ## writes what the code answers into tests/golden; read the difference before you commit it
	@UPDATE_GOLDEN=1 $(CARGO) test $(PROFILE) --test all golden
	git diff --stat -- tests/golden

.PHONY: deny
deny: ## cargo-deny with its advisories (not part of `test`, which checks the rest of .deny.toml by itself)
	@$(CARGO) deny check

.PHONY: failover
failover: build ## measures 10 kills and prints the medians: for people, CI asserts no times
	@python3 tests/failover.py
