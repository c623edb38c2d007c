"""The rule that says when a send's unsubscribes are far above what is usual."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsub.domain.spikes import (
    LEAST_NUMBER,
    LEAST_RATE,
    TIMES,
    Unsubscribes,
    limit_of,
    spike_of,
)

SENT = 100_000
NUMBERS = st.lists(st.integers(0, SENT), min_size=5, max_size=30)


def sends(numbers: Sequence[int], sent: int | None = SENT) -> list[Unsubscribes]:
    """Return sends to so many people each, with these unsubscribes."""
    return [Unsubscribes(number=number, sent=sent) for number in numbers]


@pytest.mark.parametrize(
    ("number", "history", "is_spike"),
    [
        # A history without any variation: three times the usual.
        (600, [200] * 10, False),
        (601, [200] * 10, True),
        # Nobody ever left: the lowest rate that counts.
        (200, [0] * 10, False),
        (201, [0] * 10, True),
        # One earlier incident of fifty times the usual changes nothing.
        (600, [200] * 9 + [10_000], False),
        (601, [200] * 9 + [10_000], True),
        # A unit whose sends differ much: six deviations above the median.
        (900, [100, 100, 200, 300, 300], False),
        (1200, [100, 100, 200, 300, 300], True),
        # A history that is too short.
        (90_000, [200] * 4, False),
        (90_000, [], False),
    ],
)
def test_rates_are_compared_with_the_median_of_earlier_sends(
    number: int, history: list[int], is_spike: bool
) -> None:
    found = spike_of(Unsubscribes(number=number, sent=SENT), sends(history))
    assert bool(found) is is_spike
    assert found is None or found.is_rate


@pytest.mark.parametrize("number", range(LEAST_NUMBER))
def test_few_unsubscribes_are_no_spike_whatever_their_rate(number: int) -> None:
    assert spike_of(Unsubscribes(number=number, sent=60), sends([0] * 10)) is None


def test_sends_to_a_few_test_addresses_do_not_change_what_is_usual() -> None:
    history = sends([200] * 5) + [Unsubscribes(number=9, sent=10)] * 20
    assert spike_of(Unsubscribes(number=900, sent=SENT), history) is not None


@pytest.mark.parametrize(("sent", "of_others"), [(None, SENT), (SENT, None), (None, None)])
def test_numbers_are_compared_where_no_size_is_known(
    sent: int | None, of_others: int | None
) -> None:
    history = sends([40] * 10, of_others)
    assert spike_of(Unsubscribes(number=120, sent=sent), history) is None
    found = spike_of(Unsubscribes(number=121, sent=sent), history)
    assert found is not None
    assert (found.is_rate, found.value, found.usual) == (False, 121, 40)


@given(numbers=NUMBERS, steps=st.lists(st.integers(0, 5_000), min_size=1, max_size=24))
def test_a_send_that_is_a_spike_stays_one_while_its_numbers_grow(
    numbers: list[int], steps: list[int]
) -> None:
    history, number, found = sends(numbers), 0, False
    for step in steps:
        number += step
        one = Unsubscribes(number=number, sent=SENT)
        now = spike_of(one, history, was_found=found) is not None
        assert now or not found
        found = now


@given(numbers=NUMBERS)
def test_a_spike_is_above_the_usual_and_the_floors(numbers: list[int]) -> None:
    rates = [number / SENT for number in numbers]
    limit = limit_of(rates, least=LEAST_RATE)
    assert limit >= LEAST_RATE
    assert limit >= TIMES * sorted(rates)[(len(rates) - 1) // 2]


@given(numbers=NUMBERS, outlier=st.integers(0, SENT))
def test_one_value_moves_the_limit_no_further_than_its_neighbours(
    numbers: list[int], outlier: int
) -> None:
    """However large the outlier, the limit is that of a value just above all others."""
    usual = [number / SENT for number in numbers]
    most = max(usual)
    with_most = limit_of([*usual, most], least=0)
    with_outlier = limit_of([*usual, max(outlier / SENT, most)], least=0)
    assert with_outlier <= with_most + 7 * most


def test_a_spike_ends_a_little_below_the_limit() -> None:
    history = sends([200] * 10)
    below = Unsubscribes(number=550, sent=SENT)
    assert spike_of(below, history) is None
    assert spike_of(below, history, was_found=True) is not None
    assert spike_of(Unsubscribes(number=470, sent=SENT), history, was_found=True) is None
