"""Bulk actions with a confirmation page and a progress bar.

The action runs in chunks: each is one POST and a short transaction. Closing the window stops it
after the chunk; finished chunks stay, and the action can be started again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

CHUNK = 500
_NUMBERS = ("after", "done", "left", "total")
Rows = QuerySet[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """A bulk action.

    `eligible` filters the rows to those that the action applies to. `question` is the text of the
    confirmation page for a number of rows, `others` the text about the rows that are left out. `do`
    takes a chunk of ids and returns how many it changed. `form` asks for more input.
    """

    name: str
    title: Any
    question: Callable[[int], str]
    others: Callable[[int], str]
    eligible: Callable[[Rows], Rows]
    do: Callable[[HttpRequest, list[int], dict[str, Any]], int]
    form: type[forms.Form] = forms.Form


def run(
    request: HttpRequest, rows: Rows, context: dict[str, Any], action: BulkAction
) -> HttpResponse | tuple[int, int]:
    """Return the confirmation page, the progress page, or, at the end, the numbers of rows that
    were changed and that were left unchanged.

    Processes one chunk of CHUNK rows per confirmed POST, in order of their ids.
    """
    form = action.form(request.POST if "confirmed" in request.POST else None)
    eligible = action.eligible(rows)
    if not ("confirmed" in request.POST and form.is_valid()):
        number = eligible.count()
        shown = {"form": form, "question": action.question(number), "number": number}
        left = rows.count() - number
        return _page(request, context, action, shown | {
            "others": action.others(left) if left else "",
            "numbers": {"left": left, "total": number},
        })  # fmt: skip
    numbers = {name: _number(request.POST.get(name, "")) for name in _NUMBERS}
    ids = list(
        eligible.filter(pk__gt=numbers["after"]).order_by("pk").values_list("pk", flat=True)[:CHUNK]
    )
    done = action.do(request, ids, form.cleaned_data)
    numbers["done"] += done
    numbers["left"] += len(ids) - done
    if len(ids) < CHUNK:
        return numbers["done"], numbers["left"]
    numbers["after"] = ids[-1]
    return _page(request, context, action, {"given": form.cleaned_data, "numbers": numbers})


def _page(
    request: HttpRequest, context: dict[str, Any], action: BulkAction, shown: dict[str, Any]
) -> HttpResponse:
    """Return the page, with everything that the next chunk needs in hidden fields."""
    repeated = {
        "title": action.title,
        "action": action.name,
        "across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
        "ids": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "admin/unsub/bulk_action.html", context | repeated | shown)


def _number(text: str) -> int:
    """Return a number from the previous step; 0 where it is invalid."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def actor(user: AbstractBaseUser | AnonymousUser) -> int:
    """Return the user's id. Raises TypeError for an anonymous user, who has no access to the
    admin."""
    pk: Any = user.pk
    return int(pk)
