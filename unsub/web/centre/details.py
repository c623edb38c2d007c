"""The form for attributes, email format and address."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict

from unsub.models import Channel, Kind
from unsub.outbox.api import Change, Submission
from unsub.preferences import form_snapshot
from unsub.preferences.attributes import Field, fields_of
from unsub.preferences.current_state import CurrentState
from unsub.preferences.form_snapshot import FormSnapshot
from unsub.preferences.forms import ADDRESS, FORMAT, DetailsForm
from unsub.web.http import SeeOther, page, read_form, with_retry
from unsub.web.page_context import PageContext

from .access import profile_centre_view
from .common import load_state, page_of, readable, submit_all


@profile_centre_view("GET", "HEAD", "POST")
def details(request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Return the form with the current values, or the response to it."""
    if page_context.brand.is_unread:
        # Which attributes the unit shows and lets people change is unknown: nothing is assumed.
        return with_retry(page("unsub/unavailable.html", page_context.as_context(), status=503))
    if not page_context.brand.profile_details:
        return SeeOther(page_context.link.url("centre"))
    state = load_state(page_context)
    fields = fields_of(state.snapshot.definitions or ())
    if not state.snapshot.profile or state.snapshot.definitions is None:
        return with_retry(page("unsub/centre_unread.html", page_context.as_context(), status=503))
    if request.method == "POST":
        return _submit(page_context, state, fields, read_form(request))
    return _show(page_context, state, fields, _form(page_context, state, fields))


def _show(
    page_context: PageContext,
    state: CurrentState,
    fields: tuple[Field, ...],
    form: DetailsForm,
    status: int = 200,
) -> HttpResponse:
    """Return the page with the form, and with the values that are shown but cannot be changed."""
    snapshot = FormSnapshot(values=form_snapshot.fingerprints(_values(state, fields).items()))
    fixed = [
        (one.label, readable(one, state.attribute(one.name)))
        for one in fields
        if not one.is_editable
    ]
    context: dict[str, Any] = {
        "form": form,
        "fixed": fixed,
        "snapshot": form_snapshot.dumps(page_context.link.context, snapshot),
    }
    return page(
        "unsub/details.html", page_of(page_context, state, "details") | context, status=status
    )


def _submit(
    page_context: PageContext, state: CurrentState, fields: tuple[Field, ...], data: QueryDict
) -> HttpResponse:
    """Store a request for each changed value and redirect to the profile centre; 422 with the form,
    as it was filled in, where it is invalid."""
    snapshot = form_snapshot.loads(page_context.link.context, data.get("snapshot", ""))
    form = _form(page_context, state, fields, data=data, snapshot=snapshot)
    if not form.is_valid():
        return _show(page_context, state, fields, form, status=422)
    submissions = list(_submissions(page_context, form))
    back = page_context.link.url("centre", saved="1" if submissions else "")
    return submit_all(page_context, submissions) or SeeOther(back)


def _form(
    page_context: PageContext,
    state: CurrentState,
    fields: tuple[Field, ...],
    *,
    data: QueryDict | None = None,
    snapshot: FormSnapshot | None = None,
) -> DetailsForm:
    """Return the form. An expired snapshot counts as an empty one, so that every existing value is
    a conflict and is not overwritten."""
    return DetailsForm(
        data,
        fields=fields,
        now=_values(state, fields),
        fingerprints=snapshot.values if snapshot else {},
        any_alphabet=page_context.brand.any_alphabet,
        changes_address=page_context.brand.changes_address,
    )


def _values(state: CurrentState, fields: tuple[Field, ...]) -> dict[str, str]:
    """Return the current values as the form shows them, by field id."""
    values = {one.id: one.shown(state.attribute(one.name)).strip() for one in fields}
    return values | {FORMAT: state.email_type, ADDRESS: state.address}


def _submissions(page_context: PageContext, form: DetailsForm) -> Iterator[Submission]:
    """Yield a request for each changed value."""
    context = page_context.link.context
    for change in _changes(form):
        yield Submission(
            token=page_context.link.token, context=context, channel=Channel.PROFILE,
            language=page_context.language, change=change,
        )  # fmt: skip


def _changes(form: DetailsForm) -> Iterator[Change]:
    """Yield the changes. A new address waits for confirmation by an email to it."""
    for field, value in form.attributes():
        yield Change(kind=Kind.ATTRIBUTE, name=field.name, value=value)
    if FORMAT in form.changes:
        yield Change(kind=Kind.FORMAT, value=form.changes[FORMAT])
    if ADDRESS in form.changes:
        yield Change(kind=Kind.ADDRESS, value=form.changes[ADDRESS], needs_confirmation=True)
