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

from .bulk_actions import BulkAction, actor

SHOWN = 5  # requests listed in a message


class GrantForm(forms.Form):
    """An optional note about what else was done."""

    note = forms.CharField(
        label=_("Note"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("It stays: name nobody in it. Such as: contact deleted in Marketing Cloud."),
    )


class DeclineForm(forms.Form):
    """What the person was told."""

    note = forms.CharField(
        label=_("What did you answer, and why?"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("It stays: name nobody in it."),
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
            text = f"Granted: {number} requests name nobody any more. {note}".rstrip()
            LogEntry.objects.log_actions(who, [erasure], CHANGE, text)
    except erasure_requests.StillOpenError:
        messages.error(request, _still_open(Erasure.objects.get(pk=pk)))
        return False
    for context in contexts:
        snapshot.forget(erasure.unit_id, context)
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
            "%(erasure)s is not granted yet: what the person asked for is still on its way and has "
            "to go out under their name: %(requests)s. Grant it once that is done."
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
        LogEntry.objects.log_actions(who, rows, CHANGE, f"Answered otherwise: {note}")
    return len(rows)


def _what_granting_does(number: int) -> str:
    who = ngettext(
        "%d person will be erased from our rows. This cannot be undone.",
        "%d people will be erased from our rows. This cannot be undone.",
        number,
    ) % number  # fmt: skip
    if not number:
        return who
    parts = (
        who,
        gettext(
            "Their requests name nobody any more: subscriber ID, key, address, new values and what "
            "they wrote are gone, lost links with their address, too. A pause that runs ends, and "
            "what waits for a confirmation by mail is not carried out."
        ),
        gettext(
            "The proof stays: when somebody asked, for which job and list, and that Marketing "
            "Cloud confirmed it. A link of the same person still finds it."
        ),
        gettext(
            "Marketing Cloud keeps what it holds. Erasing the person there (Contact Delete) is "
            "your own job."
        ),
    )
    return "\n\n".join(parts)


def _what_declining_does(number: int) -> str:
    return ngettext(
        "%d request for erasure will be marked as answered otherwise. Nothing is erased, and "
        "nothing is sent to the person: tell them yourself.",
        "%d requests for erasure will be marked as answered otherwise. Nothing is erased, and "
        "nothing is sent to the people: tell them yourself.",
        number,
    ) % number  # fmt: skip


def _others(number: int) -> str:
    return ngettext(
        "%d other was answered before.", "%d others were answered before.", number
    ) % number  # fmt: skip


GRANT = BulkAction(
    name="grant",
    title=_("Grant: our rows name nobody any more"),
    question=_what_granting_does,
    others=_others,
    eligible=lambda rows: rows.filter(granted_at=None, declined_at=None),
    do=lambda request, ids, given: _grant(request, ids, given["note"]),
    form=GrantForm,
)
DECLINE = BulkAction(
    name="decline",
    title=_("Answer otherwise"),
    question=_what_declining_does,
    others=_others,
    eligible=lambda rows: rows.filter(granted_at=None, declined_at=None),
    do=lambda request, ids, given: _decline(request, ids, given["note"]),
    form=DeclineForm,
)
