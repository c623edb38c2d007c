"""Which list is All Subscribers: read from Marketing Cloud, stored, and used without a call."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db.models import F, QuerySet

from tests.helpers import CHILD, PARENT
from unsub import tasks
from unsub.gateway import all_subscribers as reading
from unsub.infra import kept
from unsub.models import BusinessUnit
from unsub.sandbox import Sandbox
from unsub.units import all_subscribers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def known() -> dict[int, int | None]:
    """Return the ListID that was read for each unit."""
    return dict(BusinessUnit.objects.values_list("mid", "found_all_subscribers_list_id"))


def test_each_unit_gets_the_id_of_its_own_list(
    sandbox: Sandbox, unit: BusinessUnit, child: BusinessUnit
) -> None:
    assert sorted(reading.due_units()) == [PARENT, CHILD]
    for mid in reading.due_units():
        tasks.find_all_subscribers_list_of(mid)
    assert known() == {PARENT: 7000, CHILD: 7100}
    assert reading.due_units() == []
    unit.refresh_from_db()
    assert unit.all_subscribers_list_ids == {7000}


def test_it_is_read_again_after_six_hours(sandbox: Sandbox, unit: BusinessUnit) -> None:
    reading.refresh(PARENT)
    BusinessUnit.objects.update(
        found_all_subscribers_list_id=1,
        all_subscribers_checked_at=F("all_subscribers_checked_at") - timedelta(hours=7),
    )
    assert reading.due_units() == [PARENT]
    reading.refresh(PARENT)
    assert known() == {PARENT: 7000}


def test_a_list_that_cannot_be_read_stays_as_it_was_and_is_tried_again(
    sandbox: Sandbox, unit: BusinessUnit
) -> None:
    reading.refresh(PARENT)
    cache.clear()
    sandbox.cue("http_500", times=None)
    reading.refresh(PARENT)
    assert known() == {PARENT: 7000}
    assert reading.due_units() == []
    BusinessUnit.objects.update(
        all_subscribers_checked_at=F("all_subscribers_checked_at") - timedelta(minutes=31)
    )
    assert reading.due_units() == [PARENT]


def test_the_setting_counts_beside_the_list_that_was_read(unit: BusinessUnit) -> None:
    assert all_subscribers.list_ids(PARENT) == frozenset()
    # As another process does it, of which this one hears nothing.
    QuerySet(BusinessUnit).filter(pk=unit.pk).update(
        all_subscribers_list_id=7000, found_all_subscribers_list_id=7100
    )
    # Kept for a minute, so that a one-click POST costs one INSERT.
    assert all_subscribers.list_ids(PARENT) == frozenset()
    kept.forget_all()
    assert all_subscribers.list_ids(PARENT) == {7000, 7100}
