# Short names for dev.py; every target works without make as well.
PYTHON ?= python3

.PHONY: help run test check fix lock

help:  ## what can be done here
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run:  ## start everything in one foreground process
	@$(PYTHON) dev.py run

test:  ## run the tests on throw-away servers
	@$(PYTHON) dev.py test

check:  ## format, lint, types, import rule, migrations, deploy checks, schema
	@$(PYTHON) dev.py check

fix:  ## format the code and mend what ruff can mend
	@$(PYTHON) dev.py fix

lock:  ## compile requirements/*.in to hashed locks again (needs uv)
	@$(PYTHON) dev.py lock
