# Everything that is done with the project. A bare `make` lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: dots help setup setup-lab setup-package build format lint unit check kernel rules rules-long netfilter-cases pages metrics page-test docker first-packet faults soak engines service lab lab-long lab-shell forging siege one test fuzz demo bench \
  golden sbom deb npm image plugin package-test boot-orders install uninstall clean

PREFIX ?= /usr
FUZZ_SECONDS ?= 600
SIEGE_SECONDS ?= 120
# Of deb and npm: amd64, arm64 or both.
ARCH ?= amd64

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@test/setup build

setup-lab:
	@test/setup lab

setup-package:
	@test/setup package

build: setup ## compile to dist/; completion and manual pages to dist/share/
	@npx --no-install tsc -b test
	@node dist/packaging/pages/write.js

format: setup ## format and fix what can be fixed
	@npx --no-install biome check --write .

lint: setup ## check format and lint; types are checked by whatever compiles
	@npx --no-install biome check --error-on-warnings .

unit: build ## tests that need neither root nor a kernel of their own
	@node dist/test/unit/run.js

check: setup ## lint, types and unit tests, in well under a minute: while you work
	@$(MAKE) --no-print-directory --jobs=2 lint dots

# The linter beside it: unit tests leave a processor idle now and then.
dots: build
	@node dist/test/unit/run.js --reporter dot

kernel: setup-lab build ## tests in throw-away network namespaces (root)
	@node --test --test-reporter=spec dist/test/kernel/*.test.js

rules: setup-lab build ## rules of iptables beside netfilter's own tools (root)
	@node --test --test-reporter=spec dist/test/rules/*.test.js

rules-long: build ## a million damaged rules of iptables, of which make rules tries a quarter
	@RULES_INPUTS=1000000 node --test --test-reporter=spec dist/test/rules/total.test.js

netfilter-cases: build ## the test cases of an iptables source tree: what of them is taken; TREE=/path of it (root); LIST=1 lists the others anew
	@[ -z '$(LIST)' ] || NETFILTER_TREE='$(TREE)' node dist/test/rules/netfilter/write.js
	@NETFILTER_TREE='$(TREE)' node --test --test-reporter=spec dist/test/rules/netfilter/cases.test.js

metrics: build ## the metrics before a real Prometheus, which is installed, and the queries of contrib/grafana.json
	@test/setup metrics
	@node --test --test-reporter=spec dist/test/metrics/*.test.js

page-test: build ## the page in a real Chromium, which is installed; PAGE_SHOTS=folder keeps pictures
	@test/setup page
	@node --test --test-reporter=spec dist/test/page/*.test.js

docker: setup-lab build ## tests beside a Docker of their own, on this machine's kernel (root)
	@test/docker/inside node --test --test-reporter=spec --test-concurrency=1 dist/test/docker/*.test.js

first-packet: setup-lab build ## a thousand starts of a program that sends from its first instruction: nothing leaves by Docker's route; STARTS=100 for fewer (root)
	@FIRST_PACKET_STARTS=$(or $(STARTS),1000) FIRST_PACKET_AT_ONCE=50 test/docker/inside node --test --test-reporter=spec dist/test/docker/first-packet.test.js

soak: setup-lab build ## half an hour of containers, networks and gateways that come and go at random; SOAK_MINUTES, SOAK_SEED (root)
	@test/docker/inside node dist/test/soak/main.js

faults: setup-lab build ## the daemon killed at every point of its work for labels, and at 300 moments under load; FAULTS=n, SEED=n for others (root); for the driver: make lab-long SCENARIO=faults
	@FAULTS=$(or $(FAULTS),300) FAULT_SEED=$(or $(SEED),1) test/docker/inside node --test --test-reporter=spec dist/test/docker/faults.test.js

engines: build ## the leak-proof set-up beside Docker 20.10, 26.1 and 28.5, in roots of Debian 12, 13 and 14; TESTS='published vpn' for others (root)
	@test/setup engines
	@test/docker/engines $(TESTS)

matrix: setup-lab setup-package build ## the whole suite on three engines, kernels and releases of Node.js: docs/engines.md; MATRIX='forky kernel' for a release or a part (root)
	@test/setup engines
	@node dist/test/matrix/main.js $(MATRIX)

service: setup-lab build ## the service under a real systemd, in a copy of this machine that is thrown away (root)
	@test/service/inside node --test --test-reporter=spec dist/test/service/*.test.js

pages: build ## make docs/rules.md, docs/rules-refused.md and the tables of docs/reference.md anew from the code
	@node dist/test/pages/write.js

lab: setup-lab build ## scenarios in the laboratory; SCENARIO=name for one
	@node dist/test/lab/run.js $(SCENARIO)

lab-long: setup-lab build ## the long form of the scenarios that have one: more than make test has time for
	@node dist/test/lab/run.js --long $(or $(SCENARIO),full-tunnel many restarts networks pubkey processes defects service laboratory)

lab-shell: setup-lab build ## a shell in the laboratory, with WireGuard and dockerd
	@node dist/test/lab/run.js --shell

forging: build ## 10,000 looks into a namespace in which two neighbours forge the kernel's answers (root)
	@DWGD_FORGED_LOOKS=10000 node --test --test-reporter=spec --test-name-pattern='no byte of the host' dist/test/kernel/forging.test.js

siege: setup-lab build ## two hostile users against the daemon, in the laboratory, for SIEGE_SECONDS (120)
	@SIEGE_SECONDS=$(SIEGE_SECONDS) node dist/test/lab/run.js siege

one: build ## a single test by its name; NAME='part of the name'
	@node --test --test-reporter=spec --test-name-pattern='$(NAME)' $$(find dist/test/unit dist/test/kernel dist/test/rules -name "*.test.js")

test: setup-lab ## everything: lint, types, unit, fuzz, rules, kernel, service, Docker, laboratory
	@test/all

fuzz: build ## every parser of outside data, for FUZZ_SECONDS (600) in all; FUZZ='target …' for some
	@node dist/test/fuzz/run.js --keep --seconds $(FUZZ_SECONDS) $(FUZZ)

demo: setup-lab build ## see it work: three networks, a ping through each tunnel
	@test/demo/demo

bench: setup-lab build ## figures beside their peers in the same run; BENCH=driver, labels, drift or exits for one part
	@test/bench/bench $(BENCH)

golden: setup-lab build ## capture the golden bytes anew
	@test/golden/capture

sbom: build ## dist/dwgd.cdx.json: the packages that the daemon is made of, in CycloneDX
	@npm sbom --sbom-format=cyclonedx --sbom-type=application --omit=dev | SOURCE_DATE_EPOCH=$$(packaging/source-date) node dist/packaging/sbom.js > dist/dwgd.cdx.json.new
	@mv dist/dwgd.cdx.json.new dist/dwgd.cdx.json

deb: build ## dist/packages/*.deb for ARCH ("amd64 arm64": both)
	@for arch in $(ARCH); do packaging/deb/build $$arch; done

npm: build ## dist/packages/dwgd-*.tgz for `npm install --global`, compiled for ARCH
	@packaging/npm $(ARCH)

image: build sbom ## an image of the daemon for labels, in the Docker that answers here; packaging/image/Dockerfile makes it, too
	@packaging/image/import

plugin: build sbom ## dist/plugin, the managed plugin: docker plugin create dwgd dist/plugin
	@packaging/plugin/build

package-test: setup-lab setup-package deb npm ## the packages on a fresh Debian 12 and 13, and beside a Docker of their own (root)
	@lintian --fail-on error dist/packages/*.deb
	@node --test --test-reporter=spec --test-concurrency=1 dist/test/package/{reproducible,deb,npm,dockerfile,image}.test.js
	@test/docker/inside node --test --test-reporter=spec dist/test/package/plugin.test.js
	@node dist/test/lab/run.js --no-docker --exec "RELEASE='$(RELEASE)' PACKAGE_ROOTS='$(PACKAGE_ROOTS)' node --test --test-reporter=spec dist/test/package/newcomer.test.js"

boot-orders: setup-lab setup-package deb ## dwgd, Docker and wg-quick in every order under systemd, on Debian 12 and 13, in the laboratory (root)
	@node dist/test/lab/run.js --no-docker --exec "RELEASE='$(RELEASE)' PACKAGE_ROOTS='$(PACKAGE_ROOTS)' node --test --test-reporter=spec dist/test/package/boot-orders.test.js"

install: ## build as the owner of the checkout, install under PREFIX, enable and start the service (root)
	@systemd/build
	@systemd/install '$(DESTDIR)' '$(PREFIX)'

uninstall: ## stop the service and remove what install brought; the database stays
	@systemd/uninstall '$(DESTDIR)' '$(PREFIX)'

clean: ## remove what was built; node_modules and the laboratory's kernel stay
	@rm -rf dist .lab/out
