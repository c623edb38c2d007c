"""The form for attributes, email format and address."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict

from unsub.models import Channel, Kind
from unsub.outbox.api import Change, Wish
from unsub.preferences import form_snapshot
from unsub.preferences.attributes import Field, fields_of
from unsub.preferences.current_state import Present
from unsub.preferences.form_snapshot import Drawn
from unsub.preferences.forms import ADDRESS, FORMAT, DetailsForm
from unsub.web.http import SeeOther, page, read_form, with_retry
from unsub.web.page_context import Visit

from .access import entered
from .common import ask, page_of, readable, show_as


@entered("GET", "HEAD", "POST")
def details(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Return the form with the current values, or the response to it."""
    if visit.sender.is_unread:
        # Which attributes the unit shows and lets people change is unknown: nothing is assumed.
        return with_retry(page("unsub/unavailable.html", visit.as_context(), status=503))
    if not visit.sender.profile_details:
        return SeeOther(visit.link.url("centre"))
    now = show_as(visit)
    fields = fields_of(now.seen.definitions or ())
    if not now.seen.profile or now.seen.definitions is None:
        return with_retry(page("unsub/centre_unread.html", visit.as_context(), status=503))
    if request.method == "POST":
        return _submit(visit, now, fields, read_form(request))
    return _show(visit, now, fields, _form(visit, now, fields))


def _show(
    visit: Visit, now: Present, fields: tuple[Field, ...], form: DetailsForm, status: int = 200
) -> HttpResponse:
    """Return the page with the form, and with the values that are shown but cannot be changed."""
    of = Drawn(values=form_snapshot.marks(_values(now, fields).items()))
    fixed = [
        (one.label, readable(one, now.attribute(one.name))) for one in fields if not one.is_editable
    ]
    context: dict[str, Any] = {
        "form": form,
        "fixed": fixed,
        "drawn": form_snapshot.draw(visit.link.context, of),
    }
    return page("unsub/details.html", page_of(visit, now, "details") | context, status=status)


def _submit(visit: Visit, now: Present, fields: tuple[Field, ...], data: QueryDict) -> HttpResponse:
    """Store a request for each changed value and redirect to the profile centre; 422 with the form,
    as it was filled in, where it is invalid."""
    of = form_snapshot.read(visit.link.context, data.get("drawn", ""))
    form = _form(visit, now, fields, data=data, of=of)
    if not form.is_valid():
        return _show(visit, now, fields, form, status=422)
    wishes = list(_wishes(visit, form))
    back = visit.link.url("centre", saved="1" if wishes else "")
    return ask(visit, wishes) or SeeOther(back)


def _form(
    visit: Visit,
    now: Present,
    fields: tuple[Field, ...],
    *,
    data: QueryDict | None = None,
    of: Drawn | None = None,
) -> DetailsForm:
    """Return the form. An expired snapshot counts as an empty one, so that every existing value is
    a conflict and is not overwritten."""
    return DetailsForm(
        data,
        fields=fields,
        now=_values(now, fields),
        drawn=of.values if of else {},
        any_alphabet=visit.sender.any_alphabet,
        changes_address=visit.sender.changes_address,
    )


def _values(now: Present, fields: tuple[Field, ...]) -> dict[str, str]:
    """Return the current values as the form shows them, by field id."""
    values = {one.id: one.shown(now.attribute(one.name)).strip() for one in fields}
    return values | {FORMAT: now.email_type, ADDRESS: now.address}


def _wishes(visit: Visit, form: DetailsForm) -> Iterator[Wish]:
    """Yield a request for each changed value."""
    context = visit.link.context
    for change in _changes(form):
        yield Wish(
            token=visit.link.token, context=context, channel=Channel.PROFILE,
            language=visit.language, change=change,
        )  # fmt: skip


def _changes(form: DetailsForm) -> Iterator[Change]:
    """Yield the changes. A new address waits for confirmation by an email to it."""
    for field, value in form.attributes():
        yield Change(kind=Kind.ATTRIBUTE, name=field.name, value=value)
    if FORMAT in form.changes:
        yield Change(kind=Kind.FORMAT, value=form.changes[FORMAT])
    if ADDRESS in form.changes:
        yield Change(kind=Kind.ADDRESS, value=form.changes[ADDRESS], waits=True)
