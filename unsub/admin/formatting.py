"""Formatting of values in the admin. All HTML that Python code makes is made and escaped here."""

from datetime import datetime
from functools import partial

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext

from unsub.reporting.explanations import STATUSES, explain

NOTHING = "-"


def badge(kind: str, text: str) -> SafeString:
    """Return `text` with the colour of `kind`. The colour adds no information to the text."""
    return format_html('<span class="unsub-badge unsub-badge-{}">{}</span>', kind, text)


def titled(text: str, title: str) -> SafeString:
    """Return `text` with a title, which browsers show on hover."""
    return format_html('<span title="{}">{}</span>', title, text)


def link(address: str, text: object) -> SafeString:
    """Return an HTML link with the admin's style."""
    return format_html('<a class="unsub-link" href="{}">{}</a>', address, text)


def request_link(pk: int) -> SafeString:
    """Return a link to a request, without a query for it."""
    return link(reverse("admin:unsub_subscriberrequest_change", args=(pk,)), f"#{pk}")


def email_link(pk: int | None) -> SafeString:
    """Return a link to an email with a link, made without reading it."""
    return link(reverse("admin:unsub_linkemail_change", args=(pk,)), gettext("email #%d") % pk)


def moment(when: datetime | None, *, timespec: str = "seconds") -> str:
    """Return a time to the second (or `timespec`) in the user's time zone, with its name, or a
    dash."""
    if when is None:
        return NOTHING
    local = localtime(when)
    return f"{local.replace(tzinfo=None).isoformat(' ', timespec)} {local.tzname()}"


# Two events of one request are often less than a second apart.
fine_moment = partial(moment, timespec="milliseconds")


def seconds(start: datetime, end: datetime | None) -> str:
    """Return the duration in seconds, or a dash while there is no end."""
    if end is None:
        return NOTHING
    return f"{number_format((end - start).total_seconds(), decimal_pos=3)} s"


def unit_words(mid: int, name: str | None) -> str:
    """Return a unit's name, or a warning where the MID has no business unit here."""
    return name or gettext("%(mid)s (unknown business unit)") % {"mid": mid}


def unit_label(mid: int, name: str | None) -> SafeString:
    """Return a unit's name and MID as HTML, or a warning where the MID has no business unit
    here."""
    if name is None:
        return badge("refused", unit_words(mid, name))
    return format_html("{} ({})", name, mid)


def in_words(outcome: str, error_code: int | None, detail: str = "") -> str:
    """Return one sentence about the result of an attempt, or a dash."""
    sentence = explain(outcome, error_code, detail)
    return gettext(sentence) if sentence else NOTHING


def explain_status(status: str, outcome: str, error_code: int | None, detail: str = "") -> str:
    """Return the status of a request and the result of its last attempt, as sentences."""
    sentences = (STATUSES.get(status, ""), explain(outcome, error_code, detail))
    return " ".join(gettext(sentence) for sentence in sentences if sentence)
