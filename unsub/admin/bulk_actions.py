"""Acts on many rows: a second look before, a progress bar meanwhile, a step at a time.

Each step is one POST and a short transaction. Whoever closes the window stops it there; what was
done stays done, and the act can be begun again.
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
class Act:
    """Something that somebody can do to many rows. `eligible` keeps those to which it can be done,
    `question` says what will happen to so many, `do` does it to rows by their ids and returns to
    how many; `form` asks for more."""

    name: str
    title: Any
    question: Callable[[int], str]
    others: Callable[[int], str]
    eligible: Callable[[Rows], Rows]
    do: Callable[[HttpRequest, list[int], dict[str, Any]], int]
    form: type[forms.Form] = forms.Form


def run(
    request: HttpRequest, rows: Rows, context: dict[str, Any], act: Act
) -> HttpResponse | tuple[int, int]:
    """Return the page that asks, the page that shows how far it is, or, at the end, to how many
    rows it was done and how many were left as they are."""
    form = act.form(request.POST if "confirmed" in request.POST else None)
    eligible = act.eligible(rows)
    if not ("confirmed" in request.POST and form.is_valid()):
        number = eligible.count()
        shown = {"form": form, "question": act.question(number), "number": number}
        left = rows.count() - number
        return _page(request, context, act, shown | {
            "others": act.others(left) if left else "",
            "numbers": {"left": left, "total": number},
        })  # fmt: skip
    numbers = {name: _number(request.POST.get(name, "")) for name in _NUMBERS}
    ids = list(
        eligible.filter(pk__gt=numbers["after"]).order_by("pk").values_list("pk", flat=True)[:CHUNK]
    )
    done = act.do(request, ids, form.cleaned_data)
    numbers["done"] += done
    numbers["left"] += len(ids) - done
    if len(ids) < CHUNK:
        return numbers["done"], numbers["left"]
    numbers["after"] = ids[-1]
    return _page(request, context, act, {"given": form.cleaned_data, "numbers": numbers})


def _page(
    request: HttpRequest, context: dict[str, Any], act: Act, shown: dict[str, Any]
) -> HttpResponse:
    """Return the page, with all that the next step needs."""
    repeated = {
        "title": act.title,
        "action": act.name,
        "across": request.POST.get("select_across", "0"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
        "ids": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "admin/unsub/in_bulk.html", context | repeated | shown)


def _number(text: str) -> int:
    """Return a number of the step before, 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def acting(user: AbstractBaseUser | AnonymousUser) -> int:
    """Return the user's id; raises TypeError for a visitor, whom the admin lets do nothing."""
    pk: Any = user.pk
    return int(pk)
