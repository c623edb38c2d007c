"""Page of the spool: how much waits in it, and its dead letters, which a user may try again."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import redis
import structlog
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from unsub.infra.redis_client import quick_client
from unsub.infra.spool_queue import DeadLetter, Size, SpoolQueue
from unsub.models import BusinessUnit
from unsub.units.access import mids_of

from . import formatting
from .bulk_actions import actor

log = structlog.get_logger(__name__)

SHOWN = 50  # dead letters of a unit
_CHUNK = 500
_spool = SpoolQueue(quick_client(1.0))
# By the name of the exception. Whatever else it was: another version wrote it, or it is damaged.
_WHY = {
    "LinkError": _("The key of its link isn’t in LINK_KEYS."),
    "SealError": _("The key that encrypted it isn’t in DIGEST_KEYS."),
    "DataError": _("The database rejects one of its values."),
    "IntegrityError": _("The database rejects one of its values."),
}
_OTHER = _("Can’t be read: written by another version, or damaged.")


def spool_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Return the page; a POST returns the chosen dead letters of a unit to the spool. 403 for a
    unit that the user may not see, or without the right to have requests tried again."""
    may_try_again = request.user.has_perm("unsub.change_subscriberrequest")
    try:
        if request.method == "POST":
            if not may_try_again:
                raise PermissionDenied
            return _try_again(request)
        shown = _content(request)
    except redis.RedisError as err:
        log.warning("spool_unavailable", error=type(err).__name__)
        shown = {"away": True}
    more = {"title": gettext("Spool"), "may_try_again": may_try_again}
    return TemplateResponse(request, "admin/unsub/spool.html", context | more | shown)


def _content(request: HttpRequest) -> dict[str, Any]:
    """Return what waits and what could not be stored, of the user's units. Raises RedisError."""
    dead = _seen(request, _spool.dead_sizes())
    return {
        "waiting": [(label, size.number, _since(size)) for _mid, label, size in
                    _seen(request, _spool.sizes())],
        "dead": [
            {
                "mid": mid,
                "unit": label,
                "number": size.number,
                "letters": [_row(one) for one in _spool.dead_letters(mid, most=SHOWN)],
            }
            for mid, label, size in dead
        ],
        "shown": SHOWN,
    }  # fmt: skip


def _seen(request: HttpRequest, sizes: dict[int, Size]) -> Iterable[tuple[int, SafeString, Size]]:
    """Return the user's units among these, each with its label."""
    mids = mids_of(request.user)
    mine = {mid: size for mid, size in sizes.items() if mids is None or mid in mids}
    names = dict(BusinessUnit.objects.filter(mid__in=mine).values_list("mid", "name"))
    return [(mid, formatting.unit_label(mid, names.get(mid)), mine[mid]) for mid in sorted(mine)]


def _since(size: Size) -> str:
    now = _spool.now()
    return formatting.moment(_time(now - int(size.seconds * 1_000_000)))


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "name": letter.name,
        "at": formatting.moment(_time(letter.at)),
        "why": _WHY.get(letter.error, _OTHER),
        "error": letter.error,
    }


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def _try_again(request: HttpRequest) -> HttpResponse:
    """Return dead letters to their places in the spool, with an entry in the unit's history.
    Redirects to the page. Raises RedisError."""
    mid = _mid(request)
    names = request.POST.getlist("letter")
    number = _put_back_all(mid) if "all" in request.POST else _spool.put_back(mid, names)
    if number:
        unit = BusinessUnit.objects.filter(pk=mid).first() or BusinessUnit(mid=mid)
        what = "request that" if number == 1 else "requests that"
        note = f"Returned {number} {what} couldn’t be stored to the spool, to be stored again."
        LogEntry.objects.log_actions(actor(request.user), [unit], CHANGE, note)
    text = ngettext(
        "%d request returned to the spool. It’s stored within a minute if the cause is fixed.",
        "%d requests returned to the spool. They’re stored within a minute if the cause is fixed.",
        number,
    )
    messages.success(request, text % number)
    return HttpResponseRedirect(request.path)


def _mid(request: HttpRequest) -> int:
    """Return the unit of the form. Raises PermissionDenied for one that the user may not see."""
    given, mids = request.POST.get("mid", ""), mids_of(request.user)
    mid = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
    if not mid or (mids is not None and mid not in mids):
        log.warning("foreign_unit_row_requested", user=request.user.pk, model="spool", pk=mid)
        raise PermissionDenied
    return mid


def _put_back_all(mid: int) -> int:
    """Return all dead letters of a unit that are there now. Raises RedisError."""
    left = _spool.dead_sizes().get(mid)
    done = 0
    while left and done < left.number:
        names = [one.name for one in _spool.dead_letters(mid, most=_CHUNK)]
        done += _spool.put_back(mid, names)
        if len(names) < _CHUNK:
            break
    return done
