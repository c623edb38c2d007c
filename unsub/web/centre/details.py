"""The form for attributes, email format and address."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict

from unsub.models import Channel, Kind
from unsub.outbox import api as outbox
from unsub.outbox.api import Change, Submission
from unsub.preferences import form_snapshot
from unsub.preferences.attributes import Field
from unsub.preferences.current_state import CurrentState
from unsub.preferences.form_snapshot import FormSnapshot
from unsub.preferences.forms import ADDRESS, FORMAT, AddressRule, DetailsForm
from unsub.preferences.limits import (
    RateLimitUnavailableError,
    subscriber_of,
    wait_to_change_address,
)
from unsub.sfmc import Profile
from unsub.web.http import (
    Saved,
    SeeOther,
    page,
    read_form,
    saved_nothing,
    too_many,
    unavailable,
    with_retry,
)
from unsub.web.page_context import PageContext

from .access import profile_centre_view
from .common import details_of, load_state, page_of, readable, submit_all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Details:
    """What is known of the subscriber. `locked_until`: until then the address cannot be changed
    with this link, because a change was undone."""

    state: CurrentState
    fields: tuple[Field, ...]
    locked_until: datetime | None


@profile_centre_view("GET", "HEAD", "POST")
def details(request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Return the form with the current values, or the response to it.

    A link that is not enough to show details changes the format and the address alone, and shows
    neither.
    """
    if page_context.brand.is_unread:
        # Which attributes the unit shows and lets people change is unknown: nothing is assumed.
        return unavailable(page_context.as_context(), saved=saved_nothing(request))
    if not page_context.brand.profile_details:
        return SeeOther(page_context.link.url("centre"))
    state = load_state(page_context)
    if not state.snapshot.profile or state.snapshot.definitions is None:
        return with_retry(page("unsub/centre_unread.html", page_context.as_context(), status=503))
    try:
        locked_until = _locked_until(page_context, state.snapshot.profile)
    except (DatabaseError, InterfaceError):
        return unavailable(page_context.as_context(), saved=saved_nothing(request))
    fields = details_of(state)
    known = _Details(state=state, fields=fields, locked_until=locked_until)
    if request.method == "POST":
        return _submit(page_context, known, read_form(request))
    return _show(page_context, known, _form(page_context, known))


def _locked_until(page_context: PageContext, profile: Profile) -> datetime | None:
    """Return until when the address cannot be changed with this link, or None where it can. The
    subscriber is the one that Marketing Cloud knows, whatever the link names."""
    context, brand = page_context.link.context, page_context.brand
    if context.is_test or context.is_proved(time.time()) or not brand.changes_address:
        return None
    return outbox.address_locked_until(context.mid, subscriber_of(profile))


def _show(
    page_context: PageContext, known: _Details, form: DetailsForm, status: int = 200
) -> HttpResponse:
    """Return the page with the form, and with the values that are shown but cannot be changed."""
    values = form_snapshot.fingerprints(_values(page_context, known).items())
    fixed = [
        (one.label, readable(page_context, one, known.state.attribute(one.name)))
        for one in known.fields
        if not one.is_editable or not page_context.shows_details
    ]
    context: dict[str, Any] = {
        "form": form,
        "fixed": fixed,
        "snapshot": form_snapshot.dumps(page_context.link.context, FormSnapshot(values=values)),
        "locked_until": known.locked_until,
    }
    return page(
        "unsub/details.html", page_of(page_context, known.state, "details") | context, status=status
    )


def _submit(page_context: PageContext, known: _Details, data: QueryDict) -> HttpResponse:
    """Store a request for each changed value and redirect to the profile centre; 422 with the form,
    as it was filled in, where it is invalid."""
    snapshot = form_snapshot.loads(page_context.link.context, data.get("snapshot", ""))
    form = _form(page_context, known, data=data, snapshot=snapshot)
    if not form.is_valid():
        return _show(page_context, known, form, status=422)
    if ADDRESS in form.changes and (refusal := _refuse_address(page_context, known, form)):
        return refusal
    submissions = list(_submissions(page_context, form))
    back = page_context.link.url("centre", saved="1" if submissions else "")
    return submit_all(page_context, submissions) or SeeOther(back)


def _refuse_address(
    page_context: PageContext, known: _Details, form: DetailsForm
) -> HttpResponse | None:
    """Return the page where the subscriber, or all subscribers together for this new address, made
    too many changes of address (429), or where these cannot be counted (503); else None."""
    assert known.state.snapshot.profile  # noqa: S101 - told to the type checker
    try:
        wait = wait_to_change_address(
            page_context.link.context.mid, known.state.snapshot.profile, form.changes[ADDRESS]
        )
    except RateLimitUnavailableError:
        return unavailable(page_context.as_context(), saved=Saved.NOTHING)
    return too_many(page_context.as_context(), wait) if wait else None


def _form(
    page_context: PageContext,
    known: _Details,
    *,
    data: QueryDict | None = None,
    snapshot: FormSnapshot | None = None,
) -> DetailsForm:
    """Return the form. An expired snapshot counts as an empty one, so that every existing value is
    a conflict and is not overwritten."""
    return DetailsForm(
        data,
        fields=known.fields if page_context.shows_details else (),
        now=_values(page_context, known),
        fingerprints=snapshot.values if snapshot else {},
        any_alphabet=page_context.brand.any_alphabet,
        address=_address_rule(page_context, known),
    )


def _address_rule(page_context: PageContext, known: _Details) -> AddressRule:
    """Return how the form changes the address."""
    brand = page_context.brand
    if not brand.changes_address or known.locked_until:
        return AddressRule.FIXED
    if brand.asks_former_address:
        return AddressRule.BOTH_CONFIRM
    return AddressRule.FORMER_IS_TOLD if brand.tells_former_address else AddressRule.NEW_CONFIRMS


def _values(page_context: PageContext, known: _Details) -> dict[str, str]:
    """Return the current values as the form shows them, by field id: none with a link that is not
    enough to show details."""
    state = known.state
    if not page_context.shows_details:
        return {FORMAT: "", ADDRESS: ""}
    values = {one.id: one.shown(state.attribute(one.name)).strip() for one in known.fields}
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
    """Yield the changes. A new address waits for confirmation by email."""
    for field, value in form.attributes():
        yield Change(kind=Kind.ATTRIBUTE, name=field.name, value=value)
    if FORMAT in form.changes:
        yield Change(kind=Kind.FORMAT, value=form.changes[FORMAT])
    if ADDRESS in form.changes:
        yield Change(kind=Kind.ADDRESS, value=form.changes[ADDRESS], needs_confirmation=True)
