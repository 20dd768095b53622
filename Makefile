# Everything here needs Go and make; test needs Python 3.11 or later as well, for the emulators of the cloud services.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT  = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
MODULE      = github.com/cloudlease/leader
PROFILE     = coverage.out
COVERED     = $(MODULE) $(MODULE)/lease
MINIMUM     = 90
# The packages whose tests are to cover them.
KEEPERS     = . ./lease ./lease/leasetest ./lease/memory ./leadertest
# Separate modules, so that go.mod does not ask users for what these need.
BELOW       = bench deploy examples/catchup examples/service internal/browser internal/fencetest internal/oteltest internal/stress internal/tools
# These packages use other modules than testify. By GOFLAGS, make newest reaches the command that their tests build, too.
DEPENDENT   = ./lease/... ./internal/awsopen ./internal/suspend ./leaderotel ./cmd/... ./fence/...
# Tests of servers that are installed for make bench alone.
SERVERS     = ^(TestRedis|TestPostgres)$$
# The race detector needs a C compiler, but on macOS. make RACE=-race insists.
RACE        = $(if $(filter 1 darwin,$(shell go env CGO_ENABLED GOOS)),-race,$(warning there is no C compiler, as gcc or clang, for the race detector: the tests run without it))
FLAGS       = $(RACE) -shuffle=on -timeout 15m $(if $(V),-v)
# Tests use the emulators of this shell (eval "$$(go run ./localstack env)"), or else start some.
EMULATORS   = $(if $(filter 1,$(LEADER_EMULATORS)),,go run ./localstack run --)

empty =
comma = ,
list  = $(subst $(empty) $(empty),$(comma),$(strip $(1)))

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## every test, on emulators of all services, with the race detector; the coverage of leader and lease (V=1 names each test)
	$(EMULATORS) $(MAKE) --no-print-directory -j2 tests stress
	$(MAKE) --no-print-directory coverage house
	go -C internal/simulate test
	go test ./fleet -worlds 10000 -faults 1
	go test ./internal/explore
	go -C examples/service test $(FLAGS) ./...
	go -C bench test -skip '$(SERVERS)' ./...

newest: ## the tests of the packages with dependencies, with the newest version of each instead of the oldest (go.mod stays as it is; P=./lease/s3 for one)
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && cp go.mod "$$dir/go.mod" && cp go.sum "$$dir/go.sum" && \
	go get -modfile "$$dir/go.mod" -u -t ./... && go mod tidy -modfile "$$dir/go.mod" && \
	$(EMULATORS) env GOFLAGS="$$(go env GOFLAGS) -modfile=$$dir/go.mod" go test $(FLAGS) $(or $(P),$(DEPENDENT))

# The house rules only read, and take four times as long with the race detector.
tests:
	go test $(FLAGS) $$(go list ./... | grep -vx $(MODULE)/internal/house)

# Apart from the tests above, since the race detector makes it three times as slow to count what is covered. Tests that only count run here alone.
coverage:
	go test -shuffle=on -coverpkg=$(call list,$(COVERED)) -coverprofile=$(PROFILE) $(KEEPERS)
	@go run ./internal/coverage -min $(MINIMUM) $(PROFILE) $(COVERED)

# These tests mostly wait, so they run beside the others.
stress:
	go -C internal/fencetest test $(FLAGS) -parallel 16 ./...
	go -C internal/browser test -shuffle=on -timeout 15m ./...
	go -C internal/oteltest test $(FLAGS) ./...
	go -C deploy test $(FLAGS) ./...
	go -C examples/catchup test $(FLAGS) ./...
	go -C internal/stress test $(FLAGS) ./...

simulate: ## N worlds (10,000 if not said), from SEED on, on all processors: the promises of the design, under every fault
	go test ./internal/simulate -timeout 0 -v -run 'TestWorlds$$' -worlds $(or $(N),10000) -seed $(or $(SEED),1)

fleets: ## N worlds (10,000 if not said) with a fleet in each, from SEED on
	go test ./fleet -timeout 0 -run 'TestWorlds$$' -worlds $(or $(N),10000) -first $(or $(SEED),0)

explore: ## every order of events in a small world (NODES, ACQUISITIONS, FAULTS, STEPS, VALUES=1; cut at STATES): minutes, gigabytes; FLEET=1: all faults of the smallest fleet
	go test -timeout 0 -v -run 'TestExplore$$' $(if $(FLEET),./fleet -faults $(or $(FAULTS),2),./internal/explore \
		-nodes $(or $(NODES),2) -acquisitions $(or $(ACQUISITIONS),2) -faults $(or $(FAULTS),2) -steps $(or $(STEPS),3) \
		-states $(or $(STATES),60000000) $(if $(VALUES),-values))

mutate: ## takes each rule out of a copy of the code: the simulation or a test must notice; up to an hour
	$(EMULATORS) go run ./internal/mutate

linearize: ## N histories of each service and kind (20 if not said): concurrent clients under faults, checked for linearizability
	$(EMULATORS) go -C internal/stress test $(RACE) ./linearize -timeout 0 -v -run TestServices -histories $(or $(N),20)

chaos: ## D (10m if not said) of elections, and then of fleets, of real processes, killed, suspended and cut off on every store, and their emulators, too (SEED=7 repeats)
	go -C internal/stress test ./chaos -run TestChaos -v -timeout 0 -duration $(or $(D),10m) -fleets $(or $(D),10m) -seed $(or $(SEED),0) -own

fuzz: ## every fuzz target in turn, each for T (30s if not said)
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	{ failed=; while read -r package name; do \
		echo "$$package $$name"; \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(or $(T),30s) "$$package" </dev/null || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }; }

bench: ## measures this library beside others, and makes docs/benchmarks.md (PART=requests for one part): alone on the machine
	go -C bench test -v -run '$(SERVERS)' ./internal/service
	$(EMULATORS) go -C bench run . $(or $(PART),all)

check: format vet static house workflows deployments modules api gate ## every rule that a tool can check (make -k check: all violations, not the first)
	@echo 'make check: all good'

quickstart: ## three processes compete for one lease, and fail; 20 seconds
	go run ./examples/quickstart

catchup: ## three workers follow a log of events in PostgreSQL, and fail; a minute
	go -C examples/catchup run .

format: ## gofmt
	@files=$$(gofmt -l .); test -z "$$files" || { echo "run gofmt -w on:" $$files; exit 1; }

vet: ## go vet, for three systems
	for system in linux windows darwin; do for module in . $(filter-out bench,$(BELOW)); do \
		GOOS=$$system go -C $$module vet ./... || exit; done; done
	go -C bench vet ./...

platforms: ## tests on linux/386, on linux/s390x under qemu-user and on Windows under Wine, as far as they are here; vet for the rest (QUICK=1: without emulators)
	go run ./internal/platforms $(if $(QUICK),-quick)

static: ## staticcheck
	for module in . $(BELOW); do go -C $$module run $(STATICCHECK) ./... || exit; done

house: ## the house rules: imports, sizes, the pages' programs, plain English
	go test -count=1 ./internal/house

workflows: ## actionlint, on .github/workflows
	go run $(ACTIONLINT)

deployments: ## the files of deploy, by the linters of their kinds, which it installs once from PyPI
	go -C deploy run ./lint

modules: ## go.mod is tidy, and the modules match go.sum
	for module in . $(BELOW); do go -C $$module mod tidy -diff || exit; done
	go mod verify

api: ## the API is compatible with the last tag's; before v1, it prints what is not
	.ci/api

gate: ## counts calls, allocations, goroutines, packages and bytes, against bench/gate.json (UPDATE=1 accepts)
	go -C bench run ./gate $(if $(UPDATE),-update)

.PHONY: help test newest tests coverage stress simulate fleets explore mutate linearize chaos fuzz bench check quickstart catchup format vet platforms static house workflows deployments modules api gate
