"""Addresses of the list of requests with exactly those that a number of the overview counts."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from unsub.models import Kind
from unsub.models.daily_count import NONE
from unsub.reporting.overview import Overview

from .filters import WITHOUT
from .overview_choice import Chosen

LIST = "admin:unsub_subscriberrequest_changelist"
KIND = "kind__exact"


def requests_url(
    found: Overview, chosen: Chosen, parameter: str, key: Any, *, before: bool = False
) -> str:
    """Return the address of the list of exactly the requests that a number of the overview counts:
    of its period or of the one before, of the chosen unit, and without those that the overview
    leaves out."""
    length = timedelta(days=(found.last - found.first).days + 1 if before else 0)
    without = {"reason__id__exact": ("reason__isnull", "True")}.get(parameter, (parameter, WITHOUT))
    name, value = without if key == NONE else (parameter, str(key))
    return url_of_days(chosen, found.first - length, found.last - length, {name: value})


def url_of_days(
    chosen: Chosen,
    first: date,
    last: date,
    more: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the address of the list of the requests that the overview counts on these days,
    filtered by more."""
    query = {
        "received_at_from": first.isoformat(),
        "received_at_to": last.isoformat(),
        "counted": "yes",
    }
    if KIND not in more:
        query[KIND] = Kind.UNSUBSCRIBE.value
    if chosen.mid is not None:
        query["unit__mid__exact"] = str(chosen.mid)
    return f"{reverse(LIST)}?{urlencode(query | dict(more))}"


def of_reasons(keys: Sequence[str]) -> dict[str, str]:
    """Return the parameters of the requests with any of these reasons; of all for no reasons."""
    if not keys:
        return {}
    if list(keys) == [NONE]:
        return {"reason__isnull": "True"}
    if len(keys) == 1:
        return {"reason__id__exact": keys[0]}
    return {"reason__id__in": ",".join(keys)}
