"""Lists of a unit: read from Marketing Cloud, stored with the unit's own names, never lost."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.helpers import PARENT
from unsub.gateway import all_subscribers, catalogue, stored_lists
from unsub.gateway import calls as gateway
from unsub.models import BusinessUnit, CatalogueState, MailingList
from unsub.models.mailing_list import NO_RIGHT
from unsub.sandbox import Sandbox
from unsub.sfmc import MailList, MisconfiguredError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def found(list_id: int = 7001, **more: Any) -> MailList:
    """Return a publication list as Marketing Cloud has it."""
    given: dict[str, Any] = {
        "name": "Weekly offers",
        "description": "Every Friday.",
        "is_public": True,
    }
    return MailList(list_id=list_id, **(given | more))


def rows() -> list[tuple[int, str, str]]:
    """Return what is stored, by ListID."""
    by_id = MailingList.objects.order_by("list_id")
    return list(by_id.values_list("list_id", "name", "description"))


def test_the_task_stores_the_publication_lists_and_no_others(
    sandbox: Sandbox, unit: BusinessUnit
) -> None:
    all_subscribers.refresh(PARENT)
    stored = MailingList.objects.filter(unit=unit)
    assert {7001, 7002} <= set(stored.values_list("list_id", flat=True))
    # All Subscribers, a private list, a group and a suppression list.
    assert not stored.filter(list_id__in=(7000, 7003, 7008, 7009)).exists()
    assert all(stored.values_list("offered", flat=True))
    state = CatalogueState.objects.get(unit=unit)
    assert state.read_at is not None
    assert state.error == ""


def test_names_follow_marketing_cloud_until_the_unit_chooses_its_own(unit: BusinessUnit) -> None:
    stored_lists.store(PARENT, [found(), found(7002, name="News")])
    MailingList.objects.filter(list_id=7002).update(name="Product news", description="Ours.")
    stored_lists.store(
        PARENT,
        [found(name="Offers", description="Fridays."), found(7002, name="New", description="x")],
    )
    assert rows() == [(7001, "Offers", "Fridays."), (7002, "Product news", "Ours.")]


def test_a_list_with_a_name_that_was_typed_before_keeps_it(unit: BusinessUnit) -> None:
    MailingList.objects.create(unit=unit, list_id=7001, name="Our offers")
    stored_lists.store(PARENT, [found()])
    assert rows() == [(7001, "Our offers", "Every Friday.")]
    assert MailingList.objects.get().found_name == "Weekly offers"


def test_a_list_that_vanished_is_marked_and_one_that_is_back_is_not(unit: BusinessUnit) -> None:
    stored_lists.store(PARENT, [found(), found(7002, name="News")])
    stored_lists.store(PARENT, [found()])
    gone = MailingList.objects.get(list_id=7002)
    since = gone.missing_since
    assert since is not None
    stored_lists.store(PARENT, [found()])
    gone.refresh_from_db()
    assert (gone.name, gone.missing_since) == ("News", since)
    stored_lists.store(PARENT, [found(), found(7002, name="News")])
    gone.refresh_from_db()
    assert gone.missing_since is None


def test_a_list_without_a_name_is_called_by_its_number(unit: BusinessUnit) -> None:
    stored_lists.store(PARENT, [found(name="")])
    assert rows() == [(7001, "7001", "Every Friday.")]


def test_a_list_that_cannot_be_read_stays_and_the_error_is_stored(
    sandbox: Sandbox, unit: BusinessUnit
) -> None:
    assert stored_lists.refresh_for_page(PARENT)
    before = rows()
    read_at = CatalogueState.objects.get().read_at
    catalogue.forget_lists(PARENT)
    sandbox.cue("http_500", times=None)
    assert not stored_lists.refresh_for_page(PARENT)
    all_subscribers.refresh(PARENT)
    assert rows() == before
    assert not MailingList.objects.exclude(missing_since=None).exists()
    state = CatalogueState.objects.get()
    assert state.read_at == read_at
    assert state.error


def test_a_missing_right_is_told_apart_from_an_outage(
    unit: BusinessUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_mid: int) -> list[MailList]:
        raise MisconfiguredError("not allowed", is_no_right=True)

    monkeypatch.setattr(gateway, "mail_lists", refused)
    with pytest.raises(MisconfiguredError):
        stored_lists.refresh(PARENT)
    assert CatalogueState.objects.get().error == NO_RIGHT


def test_what_did_not_change_is_not_written(unit: BusinessUnit) -> None:
    lists = [found(number) for number in range(7001, 7031)]
    stored_lists.store(PARENT, lists)
    with CaptureQueriesContext(connection) as queries:
        stored_lists.store(PARENT, lists)
    verbs = [query["sql"].split()[0] for query in queries]
    # The rows are read, and the state alone is written.
    assert [verb for verb in verbs if verb not in {"BEGIN", "COMMIT"}] == ["SELECT", "INSERT"]
