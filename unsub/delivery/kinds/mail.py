"""A batch of links to mail -> one Create of TriggeredSends -> a verdict for each.

The unit's own triggered send definitions say how the mails look; they get the link and what it is
about as attributes (docs/profile-centre.md). The address is Marketing Cloud's, asked for when the
mail is sent: a link proves nothing about whose address is in it.
"""

import time
from dataclasses import dataclass, field

from django.conf import settings

from unsub.delivery.batch import Batch, carried_out
from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.domain.outcomes import NO_TIME, Outcome, Verdict
from unsub.domain.target import TargetType
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.links import confirmation
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, Status, UnsubRequest
from unsub.models.request import Purpose
from unsub.sfmc import Profile, TriggeredSend

LINK, ABOUT = "ProfileCentreLink", "ProfileCentreAbout"
Plan = TriggeredSend | Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
    """What one mail says, by which definition, and to whom where it is not the address on file."""

    definition: str
    link: str = field(repr=False)
    about: str = ""
    to: str = field(default="", repr=False)


def send(batch: Batch) -> tuple[Verdict, ...] | None:
    """Return what became of each mail, or None where the reply does not tell which result is
    whose. Raises an SfmcError."""
    unit = BusinessUnit.objects.get(mid=batch.mid)
    plans = [_plan(unit, row) if batch.has_time else NO_TIME for row in batch.rows]
    return carried_out(plans, lambda some: gateway.send_mails(batch.mid, some))


def _plan(unit: BusinessUnit, row: UnsubRequest) -> Plan:
    """Return the send of a row, or a verdict where there is none to make."""
    profile = gateway.profile_of(unit.mid, row.subscriber)
    if profile is None:
        return Verdict(outcome=Outcome.REFUSED, detail="nobody by these details")
    letter = _letter(unit, row, profile)
    if letter is None:
        return Verdict(outcome=Outcome.REFUSED, detail="not wanted any more")
    if not letter.definition:
        return Verdict(outcome=Outcome.REFUSED, detail="the unit has no mail for it")
    return TriggeredSend(
        definition_key=letter.definition,
        # A new address is not the subscriber's yet: under their own key Marketing Cloud would write
        # it down before anybody has confirmed it.
        subscriber_key=letter.to or profile.subscriber_key,
        email_address=letter.to or profile.email_address,
        attributes=((LINK, letter.link), (ABOUT, letter.about)),
    )


def _letter(unit: BusinessUnit, row: UnsubRequest, profile: Profile) -> _Letter | None:
    """Return what a mail says, or None where what it is about is over."""
    purpose = row.target.name
    if purpose == Purpose.CONFIRM:
        return _confirmation(unit, row)
    definition = unit.new_link_key if purpose == Purpose.NEW_LINK else unit.ask_back_key
    return _Letter(definition=definition, link=_new_link(unit, row, profile), about=unit.name)


def _confirmation(unit: BusinessUnit, row: UnsubRequest) -> _Letter | None:
    """Return the mail that asks for a confirmation of the wish that the row names, or None where
    that does not wait for one any more."""
    # A row whose person was erased names none.
    number = int(row.value) if row.value.isdecimal() else 0
    waiting = UnsubRequest.objects.filter(pk=number, unit_id=unit.mid, status=Status.WAITING)
    wish = waiting.filter(person=row.person).first()
    if wish is None:
        return None
    link = f"{unit.url}/c/{confirmation.token_of(wish.pk)}"
    if wish.target.type is TargetType.ADDRESS:
        definition = unit.confirm_address_key
        return _Letter(definition=definition, link=link, about=unit.name, to=wish.value)
    about = catalogue.list_name(unit.mid, wish.list_id) or unit.name
    return _Letter(definition=unit.confirm_key, link=link, about=about)


def _new_link(unit: BusinessUnit, row: UnsubRequest, profile: Profile) -> str:
    """Return a link to the profile centre that was made just now, sealed: it tells nobody whose it
    is. It keeps the mail's job, so that leaving is still charged to it."""
    context = UnsubContext(
        mid=unit.mid,
        subscriber=_named_as_before(row, profile),
        job=row.job,
        issued_at=int(time.time()),
    )
    return f"{unit.url}/p/{sign_link(context, keys=settings.LINK_KEYRING, seal=True)}"


def _named_as_before(row: UnsubRequest, profile: Profile) -> SubscriberContext:
    """Return the person by the name that the wish has for them, so that what they asked for by
    another link is known as theirs; never by an address, which changes."""
    if row.subscriber_key and row.subscriber_id is None:
        return SubscriberContext(subscriber_key=row.subscriber_key)
    return SubscriberContext(
        subscriber_id=profile.subscriber_id, subscriber_key=profile.subscriber_key
    )
