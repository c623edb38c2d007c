"""Sends a batch of emails with links as one Create of TriggeredSends, and returns a verdict for
each.

The unit's own triggered send definitions decide how the emails look; they get the link, and what it
is about, as attributes (docs/profile-centre.md). The address comes from Marketing Cloud when the
email is sent: a link does not prove whose address is in it.
"""

import time
from dataclasses import dataclass, field

from django.conf import settings

from unsub.delivery import lease
from unsub.delivery.batch import Batch, send_planned
from unsub.domain.context import PROOF_SECONDS, SubscriberContext, UnsubContext
from unsub.domain.outcomes import NO_TIME_LEFT, Outcome, Verdict
from unsub.domain.target import TargetType
from unsub.gateway import calls as gateway
from unsub.gateway import catalogue
from unsub.links import confirmation
from unsub.links.tokens import sign_link
from unsub.models import BusinessUnit, Kind, LinkEmail, Purpose, SubscriberRequest
from unsub.sfmc import Profile, TriggeredSend

LINK, ABOUT = "ProfileCentreLink", "ProfileCentreAbout"
LEGAL, PRIVACY = "ProfileCentreLegal", "ProfileCentrePrivacy"
Plan = TriggeredSend | Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """The content of one email and its triggered send definition. `to` is set where it does not go
    to the address on file."""

    definition: str
    link: str = field(repr=False)
    about: str = ""
    to: str = field(default="", repr=False)


def send(batch: Batch[LinkEmail]) -> tuple[Verdict, ...] | None:
    """Return a verdict for each email, in order, or None where the reply does not tell which result
    belongs to which email. Raises SfmcError."""
    unit = BusinessUnit.objects.get(mid=batch.mid)
    plans = [_plan(unit, email) if batch.has_time else NO_TIME_LEFT for email in batch.rows]
    return send_planned(
        plans, lambda some: gateway.send_mails(batch.mid, some, before=lease.check_of(batch))
    )


def _plan(unit: BusinessUnit, email: LinkEmail) -> Plan:
    """Return the triggered send of an email, or a verdict where no call is needed. Calls Marketing
    Cloud; raises SfmcError."""
    if email.request is None and not unit.seals_links:
        return Verdict(outcome=Outcome.REFUSED, detail="no key can seal the link")
    profile = gateway.profile_of(unit.mid, email.subscriber)
    if profile is None:
        return Verdict(outcome=Outcome.REFUSED, detail="nobody by these details")
    content = _content(unit, email, profile)
    if not content.definition:
        return Verdict(outcome=Outcome.REFUSED, detail="the unit has no mail for it")
    return TriggeredSend(
        definition_key=content.definition,
        # A new address is not confirmed yet: under the subscriber's own key Marketing Cloud would
        # store it before the subscriber has confirmed it.
        subscriber_key=content.to or profile.subscriber_key,
        email_address=content.to or profile.email_address,
        attributes=((LINK, content.link), (ABOUT, content.about), *_footer(unit)),
    )


def _footer(unit: BusinessUnit) -> tuple[tuple[str, str], ...]:
    """Return the attributes for the links at the foot of an email: those that the unit has."""
    links = ((LEGAL, unit.legal_url), (PRIVACY, unit.privacy_url))
    return tuple((name, url) for name, url in links if url)


def _content(unit: BusinessUnit, email: LinkEmail, profile: Profile) -> _Content:
    """Return the content of an email."""
    if email.request is not None:
        return _about_request(unit, email.purpose, email.request, profile)
    definition = unit.new_link_key if email.purpose == Purpose.NEW_LINK else unit.ask_back_key
    return _Content(definition=definition, link=_new_link(unit, email, profile), about=unit.name)


def _about_request(
    unit: BusinessUnit, purpose: str, request: SubscriberRequest, profile: Profile
) -> _Content:
    """Return the content of an email about a request: to the address on file, but for the one that
    confirms a new address."""
    base = f"{unit.url}/c/"
    if purpose == Purpose.CONSENT:
        link = base + confirmation.consent_token(request.pk)
        return _Content(definition=unit.address_notice_key, link=link, about=unit.name)
    if purpose == Purpose.NOTICE:
        former, days = profile.email_address, unit.address_undo_days
        link = base + confirmation.undo_token(request.pk, former=former, days=days)
        return _Content(definition=unit.address_notice_key, link=link, about=unit.name)
    link = base + confirmation.token_of(request.pk)
    if request.kind == Kind.ADDRESS:
        definition = unit.confirm_address_key
        return _Content(definition=definition, link=link, about=unit.name, to=request.value)
    # The list of the email is not what a request to subscribe again is about.
    list_id = request.target.id if request.target.type is TargetType.LIST else None
    about = catalogue.list_name(unit.mid, list_id, request.language) or unit.name
    if request.target.type is TargetType.TOPIC:
        about = catalogue.topic_name(unit.mid, request.target.name, request.language)
    return _Content(definition=unit.confirm_key, link=link, about=about)


def _new_link(unit: BusinessUnit, email: LinkEmail, profile: Profile) -> str:
    """Return a new link to the profile centre. It is sealed, so that it does not show the
    subscriber, and keeps the job of the old link, so that an unsubscribe is still tracked against
    that job. For an hour it shows the details, too, where the subscriber asked for it."""
    now = int(time.time())
    context = UnsubContext(
        mid=unit.mid,
        subscriber=_subscriber_of(email, profile),
        job=email.job,
        issued_at=now,
        proved_until=now + PROOF_SECONDS if email.purpose == Purpose.NEW_LINK else None,
    )
    return f"{unit.url}/p/{sign_link(context, keys=settings.LINK_KEYRING, seal=True)}"


def _subscriber_of(email: LinkEmail, profile: Profile) -> SubscriberContext:
    """Return the subscriber under the identifier that the old link had, so that requests made by
    that link are still found as theirs; never under an address, which changes."""
    if email.subscriber_key and email.subscriber_id is None:
        return SubscriberContext(subscriber_key=email.subscriber_key)
    return SubscriberContext(
        subscriber_id=profile.subscriber_id, subscriber_key=profile.subscriber_key
    )
