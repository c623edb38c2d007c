"""Options of the fuzzing, and the loop that runs a target until its time is over."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from scripts.steps import say

EXAMPLES = 100  # in each round; the seed counts up from round to round
SMOKE_EXAMPLES = 10
SMOKE_SEED = 17
PROGRESS_SECONDS = 10.0
Fuzz = Callable[[Callable[[Any], object], SearchStrategy[Any]], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the time in all, and the first seed."""
    parser.addoption("--fuzz-seconds", type=float, default=0.0, help="time for all targets")
    parser.addoption("--fuzz-seed", type=int, default=SMOKE_SEED, help="of the first round")


@pytest.hookimpl(trylast=True)  # behind -k
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each target an equal part of the time."""
    seconds = config.getoption("--fuzz-seconds")
    targets = [item for item in items if "fuzz" in getattr(item, "fixturenames", ())]
    for item in targets:
        item.add_marker(pytest.mark.timeout(seconds + 300))
    config.stash[share_key] = seconds / max(len(targets), 1)


share_key = pytest.StashKey[float]()


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """Return the function that calls a check with inputs of a strategy: a short round in the test
    suite, rounds until the time is over in `make fuzz`. What the check raises fails the test, with
    the smallest input that raises it."""
    share = request.config.stash[share_key]
    first = request.config.getoption("--fuzz-seed")

    def run(check: Callable[[Any], object], inputs: SearchStrategy[Any]) -> None:
        began = told = time.monotonic()
        number = first
        while True:
            _round(check, inputs, number, EXAMPLES if share else SMOKE_EXAMPLES)
            number += 1
            now = time.monotonic()
            if share and now - told >= PROGRESS_SECONDS:
                told = now
                tried = (number - first) * EXAMPLES
                say(f"{request.node.name}: {tried:,} inputs, {now - began:.0f} of {share:.0f} s")
            if now - began >= share:
                return

    return run


def _round(
    check: Callable[[Any], object], inputs: SearchStrategy[Any], number: int, examples: int
) -> None:
    """Call a check with so many inputs."""

    def one(data: Any) -> None:
        check(data)

    try:
        settings(
            max_examples=examples, database=None, deadline=None, print_blob=False,
            phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
        )(seed(number)(given(inputs)(one)))()  # fmt: skip
    except BaseException:
        say(f"\nfailed; `make fuzz DURATION=1 SEED={number}` tries the same again")
        raise
