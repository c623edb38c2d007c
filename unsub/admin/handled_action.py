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
        label=_("What did you do?"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
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
        LogEntry.objects.log_actions(who, rows, CHANGE, f"Resolved: {note}")
    return len(rows)


def _question(number: int) -> str:
    return ngettext(
        "Mark %d refused request as resolved? It leaves the “Needs attention” "
        "list. Nothing is sent to Marketing Cloud.",
        "Mark %d refused requests as resolved? They leave the “Needs attention” "
        "list. Nothing is sent to Marketing Cloud.",
        number,
    ) % number  # fmt: skip


def _others(number: int) -> str:
    return ngettext(
        "%d more won’t change.", "%d more won’t change.", number
    ) % number  # fmt: skip


MARK_HANDLED = BulkAction(
    name="mark_handled",
    title=_("Mark as resolved"),
    question=_question,
    others=_others,
    eligible=lambda rows: rows.filter(status=Status.REFUSED, resolution_notes=None),
    do=lambda request, ids, given: mark_handled(request.user, ids, given["note"]),
    form=NoteForm,
)
