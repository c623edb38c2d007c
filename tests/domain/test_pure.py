"""Importing the rules costs nothing but the rules."""

import subprocess
import sys

import pytest

HEAVY = ("django", "celery", "redis", "zeep", "requests", "structlog")
LOADED = "import sys, {}; print(*sys.modules)"


@pytest.mark.parametrize("module", ["unsub.domain.retry", "unsub.sfmc", "unsub.links.tokens"])
def test_rules_values_and_links_load_neither_django_nor_zeep(module: str) -> None:
    command = [sys.executable, "-c", LOADED.format(module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert module in loaded
    assert not loaded & set(HEAVY)
