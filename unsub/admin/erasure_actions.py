"""Bulk actions that answer requests for erasure: grant or decline."""

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from unsub.models import Erasure
from unsub.outbox import erasure as erasure_requests
from unsub.preferences import snapshot
from unsub.preferences.topics import topics_of

from .bulk_actions import BulkAction, actor

SHOWN = 5  # requests listed in a message


class GrantForm(forms.Form):
    """An optional note about what else was done."""

    note = forms.CharField(
        label=_("Note"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "Kept permanently, so don’t include names or addresses. "
            "Example: Contact deleted in Marketing Cloud."
        ),
    )


class DeclineForm(forms.Form):
    """What the person was told."""

    note = forms.CharField(
        label=_("What did you tell the subscriber, and why?"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Kept permanently, so don’t include names or addresses."),
    )


def _grant(request: HttpRequest, ids: list[int], note: str) -> int:
    """Return how many were granted. For each of the others a message says why not."""
    return sum(_grant_one(request, pk, note) for pk in ids)


def _grant_one(request: HttpRequest, pk: int, note: str) -> bool:
    """Return whether one was granted. Locks the row, so that it is granted and logged once. Deletes
    what the cache has about the subscriber."""
    who = actor(request.user)
    try:
        with transaction.atomic():
            erasure = _locked(pk)
            if erasure is None:
                return False
            contexts = erasure_requests.contexts_of(erasure)
            number = erasure_requests.grant(erasure, user_id=who, note=note)
            text = f"Approved: personal data removed from {number} requests. {note}".rstrip()
            LogEntry.objects.log_actions(who, [erasure], CHANGE, text)
    except erasure_requests.StillOpenError:
        messages.error(request, _still_open(Erasure.objects.get(pk=pk)))
        return False
    for context in contexts:
        snapshot.forget(erasure.unit_id, context, topics_of(erasure.unit_id))
    return True


def _locked(pk: int) -> Erasure | None:
    """Return the erasure with its row locked, or None where it was answered before."""
    return Erasure.objects.open().select_for_update(of=("self",)).filter(pk=pk).first()


def _still_open(erasure: Erasure) -> str:
    """Return why an erasure could not be granted, as text."""
    waiting = erasure_requests.on_their_way(erasure).with_shown_status()
    waiting = waiting.order_by("pk")[:SHOWN]
    known = {
        "erasure": erasure,
        "requests": ", ".join(f"#{one.pk} ({one.get_shown_status_display()})" for one in waiting),
    }
    return (
        gettext(
            "%(erasure)s can’t be approved yet. These requests of the same "
            "subscriber are still being sent: %(requests)s. Approve it when "
            "they’re done."
        )
        % known
    )


def _decline(request: HttpRequest, ids: list[int], note: str) -> int:
    """Return how many were declined. Locks the rows."""
    who = actor(request.user)
    with transaction.atomic():
        rows = list(
            Erasure.objects.open().select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
        )
        for erasure in rows:
            erasure_requests.decline(erasure, user_id=who, note=note)
        LogEntry.objects.log_actions(who, rows, CHANGE, f"Declined: {note}")
    return len(rows)


def _what_granting_does(number: int) -> str:
    who = ngettext(
        "Delete the personal data of %d subscriber from Profile Center? This "
        "can’t be undone.",
        "Delete the personal data of %d subscribers from Profile Center? This "
        "can’t be undone.",
        number,
    ) % number  # fmt: skip
    if not number:
        return who
    parts = (
        who,
        gettext(
            "Removed: SubscriberID, SubscriberKey, email address, changed "
            "values, free-text reasons and manual requests with the same "
            "address. Active pauses end. Requests that wait for confirmation are "
            "canceled."
        ),
        gettext(
            "Kept: when the subscriber unsubscribed, from which send and list, "
            "and Marketing Cloud’s confirmation. The subscriber’s own link still "
            "finds this record."
        ),
        gettext(
            "Marketing Cloud isn’t changed. Delete the contact there yourself (Contact Delete)."
        ),
    )
    return "\n\n".join(parts)


def _what_declining_does(number: int) -> str:
    return ngettext(
        "Decline %d deletion request? No data is deleted and no email is sent. "
        "Reply to the subscriber yourself.",
        "Decline %d deletion requests? No data is deleted and no emails are "
        "sent. Reply to the subscribers yourself.",
        number,
    ) % number  # fmt: skip


def _others(number: int) -> str:
    return (
        ngettext(
            "%d more was already answered and won’t change.",
            "%d more were already answered and won’t change.",
            number,
        )
        % number
    )


GRANT = BulkAction(
    name="grant",
    title=_("Approve and delete data here"),
    question=_what_granting_does,
    others=_others,
    eligible=lambda rows: rows.filter(granted_at=None, declined_at=None),
    do=lambda request, ids, given: _grant(request, ids, given["note"]),
    form=GrantForm,
)
DECLINE = BulkAction(
    name="decline",
    title=_("Decline"),
    question=_what_declining_does,
    others=_others,
    eligible=lambda rows: rows.filter(granted_at=None, declined_at=None),
    do=lambda request, ids, given: _decline(request, ids, given["note"]),
    form=DeclineForm,
)
