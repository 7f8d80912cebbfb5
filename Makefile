# Each target is a script of scripts/, so that what it does can be read and run without make.
# `make run ARGS="-c qemu+ssh://root@hv2/system"` passes arguments on; quotes inside ARGS group words.
export ARGS

.PHONY: run demo setup test check bench soak screenshots lock clean

run:          ## install what is missing of the client side, open kvmtui
	@scripts/run

demo:         ## the same, on a simulated fleet
	@scripts/run --demo

setup:        ## everything for working on kvmtui; no hypervisor
	@scripts/setup dev

test:         ## what the tests need, all checks, all tests, real hosts and guests included
	@scripts/test

check:        ## ruff, mypy, import contracts, the tests that take seconds
	@scripts/setup dev
	@scripts/check

bench:        ## measure, and print the figures
	@scripts/setup dev
	@.venv/bin/python -m benchmarks

soak:         ## random keys, races, an hour on real hosts, and hosts that break: 2 hours and more; ARGS="keys --keys 5000" is a part of it
	@scripts/soak

screenshots:  ## draw assets/ anew from the demo fleet
	@scripts/setup dev
	@.venv/bin/python -m scripts.screenshots

lock:         ## resolve the dependencies anew, from PyPI alone
	@scripts/lock

clean:        ## remove everything that make made in this directory
	rm -rf .venv .tools build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis snapshot_report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
