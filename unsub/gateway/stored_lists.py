"""What Marketing Cloud says of each unit's lists, stored with the names that the unit gives them.

Pages name the list of an email without a call to Marketing Cloud, and the admin shows the lists
also while Marketing Cloud does not answer.
"""

from collections.abc import Iterable
from functools import partial
from time import monotonic
from typing import Any

from django.db.models.functions import Now

from unsub.models import BusinessUnit, CatalogueState, MailingList
from unsub.models.mailing_list import DESCRIPTION_LENGTH, NAME_LENGTH, NO_RIGHT
from unsub.sfmc import MailList, SfmcError

from . import catalogue, reads

TIMEOUT = 3.0  # seconds that a page of the admin waits for Marketing Cloud


def refresh(mid: int) -> list[MailList]:
    """Read the lists of a unit, store what changed, and return them. Raises an SfmcError, which is
    stored; the lists stay as they were."""
    try:
        lists = catalogue.lists(mid)
    except SfmcError as err:
        error = NO_RIGHT if err.is_no_right else type(err).__name__
        _record(CatalogueState(unit_id=mid, error=error), "error")
        raise
    store(mid, lists)
    return lists


def refresh_for_page(mid: int) -> bool:
    """Read the lists of a unit and store what changed. Return False where Marketing Cloud does not
    answer within TIMEOUT seconds; the lists stay as they were."""
    future = reads.start(partial(catalogue.lists, mid))
    lists = reads.result(mid, "lists", future, monotonic() + TIMEOUT)
    if lists is None:
        return False
    store(mid, lists)
    return True


def store(mid: int, lists: Iterable[MailList]) -> None:
    """Store what Marketing Cloud says of a unit's lists: a row for each publication list, what
    changed of the rows there, and which list is All Subscribers. A list that it does not have any
    more is marked, and its row stays."""
    found = {one.list_id: one for one in lists}
    master = next((one.list_id for one in found.values() if one.is_all_subscribers), None)
    if master is not None:
        unit = BusinessUnit.objects.filter(mid=mid)
        unit.exclude(found_all_subscribers_list_id=master).update(
            found_all_subscribers_list_id=master
        )
    rows = list(MailingList.objects.filter(unit_id=mid))
    for row in rows:
        _update(row, found.get(row.list_id))
    new = found.keys() - {row.list_id for row in rows}
    MailingList.objects.bulk_create(
        [_row(mid, found[number]) for number in sorted(new) if found[number].is_public],
        # A page of the admin and a worker may read at the same time.
        ignore_conflicts=True,
    )
    _record(CatalogueState(unit_id=mid, read_at=Now(), error=""), "read_at", "error")


def _record(state: CatalogueState, *fields: str) -> None:
    """Insert the state of a unit's lists, or update these fields of it. One statement, so that two
    processes do not collide."""
    CatalogueState.objects.bulk_create(
        [state], update_conflicts=True, unique_fields=["unit"], update_fields=fields
    )


def _row(mid: int, found: MailList) -> MailingList:
    name, description = _words(found)
    return MailingList(
        unit_id=mid,
        list_id=found.list_id,
        name=name or str(found.list_id),
        description=description,
        found_name=name,
        found_description=description,
        is_public=True,
    )


def _update(row: MailingList, found: MailList | None) -> None:
    """Store what changed of a list. Its name and description follow Marketing Cloud's until the
    unit has chosen others; the conditions keep what a marketer saves meanwhile."""
    this = MailingList.objects.filter(pk=row.pk)
    if found is None:
        if row.missing_since is None:
            this.update(missing_since=Now())
        return
    name, description = _words(found)
    read: dict[str, Any] = {
        "found_name": name,
        "found_description": description,
        "is_public": found.is_public,
        "missing_since": None,
    }
    if any(getattr(row, field) != value for field, value in read.items()):
        this.update(**read)
    if row.found_name and name and name != row.found_name:
        this.filter(name=row.found_name).update(name=name)
    if description != row.found_description:
        this.filter(description=row.found_description).update(description=description)


def _words(found: MailList) -> tuple[str, str]:
    """Return a list's name and description, cut to what is stored."""
    return found.name[:NAME_LENGTH], found.description[:DESCRIPTION_LENGTH]
