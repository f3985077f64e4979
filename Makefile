# The few words that everybody tries. Each calls what can be called without make.

.PHONY: build test check bench demo help

build: ## Build ./kvorum, a static binary (the default)
	CGO_ENABLED=0 go build ./cmd/kvorum

test: ## Run all tests; those that need a redis-server are skipped without one
	go test ./...

check: ## Run what a change must pass beside the tests: vet, lint, races, simulation (long)
	scripts/check.sh

bench: ## Compare with a local redis-server (on a quiet machine)
	scripts/bench.sh

demo: ## Kill the leader again and again while clients count (half a minute)
	scripts/demo-failover.sh

help: ## List these words
	@sed -n 's/^\([a-z]*\): ## /make \1	/p' Makefile | expand -t 16
