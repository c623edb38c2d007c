"""Erasure: asked for by a person, granted by a marketer, and then of our own rows.

What stays is the proof that somebody asked and that Marketing Cloud confirmed (GDPR, article
17(3)(e)): times, job, list, request id, and a keyed digest that finds them again where the same
person shows their link.
"""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from unsub.domain.context import UnsubContext
from unsub.infra import digests
from unsub.infra.inserts import insert_unless_present
from unsub.models import (
    EmailStatus,
    Erasure,
    LinkEmail,
    LostLink,
    Pause,
    PauseResult,
    Status,
    SubscriberRequest,
)
from unsub.models.request import RequestQuerySet
from unsub.models.statuses import ON_THEIR_WAY, in_states

from . import identity, link_emails

ERASED = "erased-"


class StillOpenError(Exception):
    """Wishes of the person are on their way: they have to go out under the person's name."""


def request_erasure(context: UnsubContext, *, language: str) -> None:
    """Insert a request for erasure, unless the subscriber has an open one."""
    who = context.subscriber
    identity.adopt(context.mid, who)
    erasure = Erasure(
        unit_id=context.mid,
        subscriber_digest=digests.subscriber_digests(context.mid, who)[0],
        subscriber_id=who.subscriber_id,
        subscriber_key=who.subscriber_key or "",
        email_address=who.email_address or "",
        language=language,
    )
    # Where it was asked for already, perhaps by another process just now, the constraint decides.
    insert_unless_present(erasure)


def grant(erasure: Erasure, *, user_id: int, note: str) -> int:
    """Return how many wishes name nobody any more. Raises StillOpenError where one is on its
    way."""
    with transaction.atomic():
        rows, emails = requests_of(erasure), emails_of(erasure)
        if on_their_way(erasure).exists() or _are_being_sent(emails):
            raise StillOpenError
        Pause.objects.filter(request__in=rows, ended_at=None).update(
            ended_at=Now(), result=PauseResult.STAYED
        )
        rows.filter(status=Status.WAITING).update(
            status=Status.WITHDRAWN, finished_at=Now(), idempotency_key=None
        )
        link_emails.cancel(emails)
        _forget_lost_links(erasure, rows)
        # Each list is read before the first of its rows loses the names by which it is found.
        found = list(emails)
        erased = sum(_pseudonymise(row) for row in rows)
        for email in found:
            LinkEmail.objects.filter(pk=email.pk).update(**_nobody(email))
        Erasure.objects.filter(pk=erasure.pk).update(
            granted_at=Now(), handled_by=user_id, note=note,
            subscriber_id=None, subscriber_key="", email_address="",
        )  # fmt: skip
    return erased


def decline(erasure: Erasure, *, user_id: int, note: str) -> None:
    """Write down that the person was answered otherwise, and how."""
    Erasure.objects.filter(pk=erasure.pk).update(declined_at=Now(), handled_by=user_id, note=note)


def on_their_way(erasure: Erasure) -> RequestQuerySet:
    """Return the wishes that have to go out first."""
    return requests_of(erasure).filter(in_states(*ON_THEIR_WAY))


def requests_of(erasure: Erasure) -> RequestQuerySet:
    """Return the requests of the subscriber who asks to be erased."""
    return identity.requests_of(erasure.unit_id, erasure.subscriber, {erasure.subscriber_digest})


def emails_of(erasure: Erasure) -> QuerySet[LinkEmail]:
    """Return the emails with links to the subscriber who asks to be erased."""
    return identity.emails_of(erasure.unit_id, erasure.subscriber, {erasure.subscriber_digest})


def _are_being_sent(emails: QuerySet[LinkEmail]) -> bool:
    """Return whether a worker is calling Marketing Cloud for one of these emails."""
    return emails.filter(status=EmailStatus.SENDING).exists()


def _pseudonymise(row: SubscriberRequest) -> int:
    """Return 1 once a row names nobody."""
    return SubscriberRequest.objects.filter(pk=row.pk).update(
        **_nobody(row), reason_text=row.reason.label if row.reason else "", value=""
    )


def _nobody(row: SubscriberRequest | LinkEmail) -> dict[str, Any]:
    """Return the columns that name a person, emptied but for a pseudonym."""
    return {
        "subscriber_id": None,
        "subscriber_key": f"{ERASED}{row.subscriber_digest.rpartition(':')[2] or row.pk}",
        "email_address": "",
        "address_digest": "",
        "address_mask": "",
    }


def _forget_lost_links(erasure: Erasure, rows: QuerySet[SubscriberRequest]) -> None:
    """Delete what somebody typed into the form for a lost link."""
    typed = {row.email_address for row in rows if row.email_address} | {erasure.email_address}
    found = [one for address in typed - {""} for one in digests.address_digests(address)]
    LostLink.objects.filter(unit_id=erasure.unit_id, address_digest__in=found).delete()
