"""The ListID of each unit's All Subscribers list, read from Marketing Cloud and stored with the
unit.

A link whose ListID is that list unsubscribes from everything. The page has to say so, and makes no
call to Marketing Cloud while a subscriber waits.
"""

from datetime import timedelta

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from unsub.models import BusinessUnit
from unsub.sfmc import SfmcError

from . import concurrency, stored_lists

log = structlog.get_logger(__name__)

FRESH_FOR = timedelta(hours=6)
RETRY_AFTER = timedelta(minutes=30)


def due_units() -> list[int]:
    """Return the MIDs of the units whose list was not read within FRESH_FOR."""
    never = Q(all_subscribers_checked_at=None)
    old = Q(all_subscribers_checked_at__lt=Now() - FRESH_FOR)
    return list(BusinessUnit.objects.filter(never | old).values_list("mid", flat=True))


def refresh(mid: int) -> None:
    """Read the lists of a unit and store them, All Subscribers among them.

    Where they cannot be read, what is stored stays and the next attempt follows after RETRY_AFTER;
    nothing happens where all call slots are in use.
    """
    unit = BusinessUnit.objects.filter(mid=mid)
    with concurrency.call_slot() as free:
        if not free:
            return
        try:
            stored_lists.refresh(mid)
        except SfmcError as err:
            log.warning("all_subscribers_list_unread", mid=mid, error=type(err).__name__)
            unit.update(all_subscribers_checked_at=Now() - FRESH_FOR + RETRY_AFTER)
            return
    unit.update(all_subscribers_checked_at=Now())
