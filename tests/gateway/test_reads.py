"""Reads that a page waits for, and how much of them slow data extensions may hold."""

from collections.abc import Iterator
from threading import Event
from time import monotonic, sleep

import pytest
from pytest_django.fixtures import Settings

from unsub.gateway import reads

MID, SOON = 510001, 30.0  # seconds that a read that is not slow may take here


@pytest.fixture
def slow() -> Iterator[Event]:
    """An event that slow reads wait for, set at the end of the test. Those of earlier tests have
    ended."""
    event = Event()
    wait_for_none()
    yield event
    event.set()
    wait_for_none()


def wait_for_none() -> None:
    """Wait until no read of a row is under way."""
    until = monotonic() + SOON
    while reads._places:
        assert monotonic() < until
        sleep(0.01)


def test_slow_data_extensions_leave_places_and_slots_to_the_other_reads(
    slow: Event, settings: Settings
) -> None:
    settings.SFMC_CONCURRENCY, settings.SFMC_PAGE_CONCURRENCY = 20, 4
    until = monotonic() + SOON
    begun = [
        reads.start_row(lambda: slow.wait(SOON), place=place, until=until)
        for place in ("a", "b", "c", "d")
        for _ in range(reads.ROWS_AT_ONCE)
    ]
    under_way = [one for one in begun if one is not None]
    assert sum(one is not None for one in begun[: reads.ROWS_AT_ONCE]) == reads.PLACE_AT_ONCE
    assert len(under_way) == reads.ROWS_AT_ONCE
    assert reads.result(MID, "lists", reads.start(lambda: 7), until) == 7
    slow.set()
    # Those that waited for a slot were read after the others, and not left out.
    assert all(one.result(SOON) for one in under_way)


def test_a_read_of_a_row_waits_for_a_slot_until_its_deadline_alone(
    slow: Event, settings: Settings
) -> None:
    settings.SFMC_CONCURRENCY, settings.SFMC_PAGE_CONCURRENCY = 20, 2
    began = Event()

    def hold() -> bool:
        began.set()
        return slow.wait(SOON)

    first = reads.start_row(hold, place="a", until=monotonic() + SOON)
    assert first is not None
    assert began.wait(SOON)
    late = reads.start_row(lambda: 7, place="b", until=monotonic())
    assert late is not None
    assert late.result(SOON) is None
    slow.set()
    assert first.result(SOON)
