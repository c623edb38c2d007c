"""Bounds of the backoff."""

from datetime import timedelta

import pytest

from unsub.domain.outcomes import Backpressure
from unsub.domain.retry import CAP, HORIZON, delay


def longest() -> float:
    """Draw the highest jitter."""
    return 1.0


def shortest() -> float:
    """Draw the lowest jitter."""
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
    ("backpressure", "low", "high"),
    [(Backpressure.MAINTENANCE, 300, 1200), (Backpressure.RATE_LIMIT, 30, 120)],
)
def test_a_slowed_unit_never_waits_less_than_its_base(
    backpressure: Backpressure, low: int, high: int
) -> None:
    assert delay(3, draw=shortest, backpressure=backpressure) == low
    assert delay(3, draw=longest, backpressure=backpressure) == high


def test_retry_after_is_honoured_up_to_an_hour() -> None:
    assert delay(1, draw=shortest, retry_after=42) == 42
    assert delay(1, draw=longest, retry_after=2) == 5
    assert delay(1, draw=longest, retry_after=86_400) == CAP


def test_the_numbers_are_those_of_the_design() -> None:
    assert CAP == 3600
    assert timedelta(days=10) == HORIZON


@pytest.mark.parametrize("attempt", [0, 1])
def test_the_first_wait_is_the_base(attempt: int) -> None:
    assert delay(max(attempt, 1), draw=longest) == 5


@pytest.mark.parametrize(
    ("backpressure", "attempt", "seconds"),
    [
        (Backpressure.MAINTENANCE, 1, 300),
        (Backpressure.MAINTENANCE, 2, 600),
        (Backpressure.MAINTENANCE, 9, CAP),
        (Backpressure.RATE_LIMIT, 1, 30),
        (Backpressure.RATE_LIMIT, 2, 60),
        (Backpressure.RATE_LIMIT, 9, CAP),
    ],
)
def test_each_kind_of_slowness_has_its_base(
    backpressure: Backpressure, attempt: int, seconds: float
) -> None:
    assert delay(attempt, draw=longest, backpressure=backpressure) == seconds


def test_the_jitter_of_a_slowed_unit_lies_between_its_base_and_the_ceiling() -> None:
    assert delay(3, draw=lambda: 0.5, backpressure=Backpressure.RATE_LIMIT) == 30 + 0.5 * (120 - 30)


def test_no_retry_after_is_no_wait() -> None:
    assert delay(1, draw=shortest) == 0
    assert delay(1, draw=shortest, retry_after=0.5) == 0.5
    assert delay(1, draw=shortest, retry_after=CAP + 1) == CAP
