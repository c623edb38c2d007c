"""How values look in the admin. All HTML of the Python side is made here, and escaped here."""

from datetime import datetime
from functools import partial

from django.conf import settings
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext

from unsub.reporting.explanations import STATUSES, explain

NOTHING = "-"


def badge(kind: str, text: str) -> SafeString:
    """Return `text` in the colour of `kind`. The colour says nothing that the text does not."""
    return format_html('<span class="unsub-badge unsub-badge-{}">{}</span>', kind, text)


def link(address: str, text: object) -> SafeString:
    """Return a link that looks like one, in a list and on a page."""
    return format_html('<a class="unsub-link" href="{}">{}</a>', address, text)


def request_link(pk: int) -> SafeString:
    """Return a link to a request, made without reading it."""
    return link(reverse("admin:unsub_unsubrequest_change", args=(pk,)), f"#{pk}")


def moment(when: datetime | None, *, timespec: str = "seconds") -> str:
    """Return a time to the second (or as `timespec` says), with its zone, or a dash."""
    if when is None:
        return NOTHING
    local = localtime(when)
    return f"{local.replace(tzinfo=None).isoformat(' ', timespec)} {settings.TIME_ZONE}"


# Two steps of one story are often less than a second apart.
fine_moment = partial(moment, timespec="milliseconds")


def seconds(start: datetime, end: datetime | None) -> str:
    """Return the time between, in seconds, or a dash while it runs."""
    if end is None:
        return NOTHING
    return f"{number_format((end - start).total_seconds(), decimal_pos=3)} s"


def unit_words(mid: int, name: str | None) -> str:
    """Return a unit's name, or a warning where no such unit is known here."""
    return name or gettext("%(mid)s: unknown unit") % {"mid": mid}


def unit_label(mid: int, name: str | None) -> SafeString:
    """Return a unit's name and MID, or a warning where no such unit is known here."""
    if name is None:
        return badge("refused", unit_words(mid, name))
    return format_html("{} ({})", name, mid)


def in_words(outcome: str, error_code: int | None, detail: str = "") -> str:
    """Return one sentence for what an attempt came to, or a dash."""
    sentence = explain(outcome, error_code, detail)
    return gettext(sentence) if sentence else NOTHING


def story(status: str, outcome: str, error_code: int | None, detail: str = "") -> str:
    """Return where a request stands, and what its last attempt came to, in words."""
    sentences = (STATUSES.get(status, ""), explain(outcome, error_code, detail))
    return " ".join(gettext(sentence) for sentence in sentences if sentence)
