"""The short version of `make chaos`: every disturbance once."""

import pytest

from scripts.steps import say
from tests.chaos.disturbances import NAMES
from tests.chaos.run import run

SEED = 20_261


@pytest.mark.timeout(600)
def test_nothing_is_lost_whatever_fails() -> None:
    report = run(duration=75, seed=SEED, harm=2.0)
    say(f"\n{report}")
    assert report.holds, str(report)
    assert set(report.steps) == set(NAMES)
