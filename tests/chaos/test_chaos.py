"""The short version of `make chaos`: every disturbance once."""

from pathlib import Path

import pytest

from scripts.steps import say
from tests import pooler
from tests.chaos.__main__ import is_pooled
from tests.chaos.client import TIMEOUT
from tests.chaos.disturbances import names
from tests.chaos.run import run

SEED = 20_261


def test_every_other_run_uses_a_pooler_and_one_without_any_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pooler, "installed", lambda: Path("pgbouncer"))
    assert [is_pooled(seed, None) for seed in (7, 8)] == [True, False]
    assert [is_pooled(seed, "yes") for seed in (7, 8)] == [True, True]
    assert [is_pooled(seed, "no") for seed in (7, 8)] == [False, False]
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(pooler, "installed", lambda: None)
    assert not is_pooled(7, "yes")
    assert "PgBouncer is not installed" in capsys.readouterr().out


@pytest.mark.timeout(1500)
def test_nothing_is_lost_whatever_fails() -> None:
    report = run(duration=75, seed=SEED, harm=2.0, pooled=False, slow=TIMEOUT)
    say(f"\n{report}")
    assert report.holds, str(report)
    assert set(report.steps) == set(names(pooled=False))
