"""Bulk action that marks refused requests as resolved by hand, with a note."""

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminTextInputWidget

from unsub.models import ResolutionNote, Status, SubscriberRequest

from .bulk_actions import BulkAction, actor


class NoteForm(forms.Form):
    """What was done."""

    note = forms.CharField(
        label=_("What did you do?"), max_length=200, widget=UnfoldAdminTextInputWidget
    )


def mark_handled(user: AbstractBaseUser | AnonymousUser, ids: list[int], note: str) -> int:
    """Return how many requests were marked. Locks the rows, so that each is marked once."""
    with transaction.atomic():
        rows = list(
            SubscriberRequest.objects.select_for_update(of=("self",))
            .filter(pk__in=ids, status=Status.REFUSED, resolution_notes=None)
            .order_by("pk")
        )
        who = actor(user)
        ResolutionNote.objects.bulk_create(
            ResolutionNote(request=row, user_id=who, note=note) for row in rows
        )
        LogEntry.objects.log_actions(who, rows, CHANGE, f"Dealt with: {note}")
    return len(rows)


def _question(number: int) -> str:
    return ngettext(
        "%d refused request will be marked as dealt with, and not be counted any more as one that "
        "needs a person.",
        "%d refused requests will be marked as dealt with, and not be counted any more as ones "
        "that need a person.",
        number,
    ) % number  # fmt: skip


def _others(number: int) -> str:
    return ngettext(
        "%d other is left as it is.", "%d others are left as they are.", number
    ) % number  # fmt: skip


MARK_HANDLED = BulkAction(
    name="mark_handled",
    title=_("Mark as dealt with"),
    question=_question,
    others=_others,
    eligible=lambda rows: rows.filter(status=Status.REFUSED, resolution_notes=None),
    do=lambda request, ids, given: mark_handled(request.user, ids, given["note"]),
    form=NoteForm,
)
