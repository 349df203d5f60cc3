# Everything a developer or a machine runs. `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo demo-fault demo-heal demo-down test test-long lab lint bench

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## build and run the demonstration until Ctrl-C
	@command -v node >/dev/null || { echo "Node.js is missing: install version 18 or later (Debian: apt-get install nodejs), then run this again"; exit 1; }
	@exec node deploy/demo/demo.mjs up

demo-fault: ## make a fault: FAULT=pg-down|pg-failover|blocked|disk-fill|cpu|agent-kill|ib-down
	@exec node deploy/demo/demo.mjs fault "$(FAULT)"

demo-heal: ## mend the fault, then resolve and verify its incident
	@exec node deploy/demo/demo.mjs heal

demo-down: ## end the demonstration from elsewhere, or clear what a killed one left
	@exec node deploy/demo/demo.mjs down

test: ## all tests that every change must pass
	@tests/run.sh short

test-long: ## many kills and long runs, besides
	@tests/run.sh long

lab: ## real faults of disks, links and a management controller, in a guest with its own kernel
	@tests/lab.sh

lint: ## formatting, lints, licences
	@tests/lint.sh

bench: ## figures, each beside its peer
	@tests/bench.sh
