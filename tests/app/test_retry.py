"""How long to wait, at the edges."""

import pytest

from unsub.outcomes import Slow
from unsub.retry import CAP, delay


def longest() -> float:
    """Dice that fall as high as they can."""
    return 1.0


def shortest() -> float:
    """Dice that fall as low as they can."""
    return 0.0


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 5), (2, 10), (3, 20), (10, 2560), (11, CAP), (5000, CAP)]
)
def test_the_wait_doubles_up_to_an_hour(attempt: int, seconds: float) -> None:
    assert delay(attempt, draw=longest) == seconds


def test_the_jitter_is_full() -> None:
    assert delay(9, draw=shortest) == 0
    assert delay(3, draw=lambda: 0.25) == 5


@pytest.mark.parametrize(
    ("slow", "low", "high"), [(Slow.MAINTENANCE, 300, 1200), (Slow.RATE_LIMIT, 30, 120)]
)
def test_a_slowed_unit_never_waits_less_than_its_base(slow: Slow, low: int, high: int) -> None:
    assert delay(3, draw=shortest, slow=slow) == low
    assert delay(3, draw=longest, slow=slow) == high


def test_retry_after_is_honoured_up_to_an_hour() -> None:
    assert delay(1, draw=shortest, retry_after=42) == 42
    assert delay(1, draw=longest, retry_after=2) == 5
    assert delay(1, draw=longest, retry_after=86_400) == CAP
