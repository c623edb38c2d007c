"""Requests that a person dealt with by hand: marked, with a note, after a second look."""

from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from unsub.models import Handling, Status, UnsubRequest

from .acting import acting

CHUNK = 500


class NoteForm(forms.Form):
    """What was done."""

    note = forms.CharField(
        label=_("What did you do?"), max_length=200, widget=UnfoldAdminTextInputWidget
    )


def ask_or_mark(
    request: HttpRequest, requests: QuerySet[UnsubRequest], context: dict[str, Any], *, action: str
) -> HttpResponse | int:
    """Return the page that asks for a note, or, once it was sent, how many were marked: refused
    ones alone, and each of them once."""
    form = NoteForm(request.POST if "confirmed" in request.POST else None)
    refused = requests.filter(status=Status.REFUSED, handlings=None)
    if form.is_valid():
        ids = list(refused.order_by("pk").values_list("pk", flat=True))
        note = form.cleaned_data["note"]
        chunks = (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
        return sum(_mark(request.user, chunk, note) for chunk in chunks)
    more = {
        "title": gettext("Mark as dealt with"),
        "number": refused.count(),
        "left": requests.count() - refused.count(),
        "form": form,
        "action": action,
        "across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "ids": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "admin/unsub/unsubrequest/deal_with.html", context | more)


def _mark(user: AbstractBaseUser | AnonymousUser, ids: list[int], note: str) -> int:
    """Return how many of these were marked. The rows are locked, so that each is marked once."""
    with transaction.atomic():
        rows = list(
            UnsubRequest.objects.select_for_update(of=("self",))
            .filter(pk__in=ids, status=Status.REFUSED, handlings=None)
            .order_by("pk")
        )
        who = acting(user)
        Handling.objects.bulk_create(Handling(request=row, user_id=who, note=note) for row in rows)
        LogEntry.objects.log_actions(who, rows, CHANGE, f"Dealt with: {note}")
    return len(rows)
