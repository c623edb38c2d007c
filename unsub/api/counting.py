"""The daily counts of the reports."""

from datetime import date, timedelta
from typing import Annotated

from django.db.models import Q
from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from unsub.models import By, CountCursor, DailyCount, KeyPurpose

from . import cursors
from .answers import Count, Counts
from .document import READ, problems
from .keys import ApiKeyAuth, key_of, mids_for
from .problems import invalid
from .schemas import Cursor, Day, Given, QueryMid

router = Router(tags=[READ], auth=ApiKeyAuth(KeyPurpose.READ))
DAYS_MAX = 366
LIMIT_MAX = 1000


class CountsQuery(Given):
    """Which counts to return."""

    unit: QueryMid | None = None
    by: By = Field(default=By.STATE, description="What is counted.")
    since: Day = Field(description="First day, in the time zone of each unit.")
    until: Day = Field(description="Last day; at most 366 days.")
    cursor: Cursor = ""
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_MAX


@router.get(
    "/counts",
    response={200: Counts, **problems(422)},
    operation_id="getCounts",
    summary="Get daily counts",
)
def counts(request: HttpRequest, query: Query[CountsQuery]) -> Counts:
    """Return how many unsubscribes were received on each day, by unit and by one property; `kind`
    counts the other requests. Counted about once a minute."""
    if not timedelta() <= query.until - query.since < timedelta(days=DAYS_MAX):
        raise invalid("until", "At most 366 days, and not before `since`.")
    rows = DailyCount.objects.filter(by=query.by, day__range=(query.since, query.until))
    mids = mids_for(key_of(request), query.unit)
    if mids is not None:
        rows = rows.filter(mid__in=mids)
    if query.cursor:
        rows = rows.filter(_behind(query.cursor))
    found = list(rows.order_by("day", "mid", "key")[: query.limit + 1])
    shown = found[: query.limit]
    more = len(found) > query.limit
    last = shown[-1] if more else None
    return Counts(
        items=[
            Count(day=row.day, unit=row.mid, by=row.by, value=row.key, number=row.number)
            for row in shown
        ],
        next_cursor=cursors.written([last.day.isoformat(), last.mid, last.key]) if last else None,
        counted_until=CountCursor.objects.values_list("upto", flat=True).first(),
    )


def _behind(cursor: str) -> Q:
    """Return Q for the counts behind a place."""
    day, mid, name = cursors.read(cursor, str, int, str)
    try:
        at = date.fromisoformat(str(day))
    except ValueError:
        raise invalid("cursor", "Not a cursor of this list.") from None
    return Q(day__gt=at) | Q(day=at, mid__gt=mid) | Q(day=at, mid=mid, key__gt=name)
