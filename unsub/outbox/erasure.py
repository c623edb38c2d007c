"""Erasure: asked for by a person, granted by a marketer, and then of our own rows.

What stays is the proof that somebody asked and that Marketing Cloud confirmed (GDPR, article
17(3)(e)): times, job, list, request id, and a keyed digest that finds them again where the same
person shows their link.
"""

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from unsub.domain.context import UnsubContext
from unsub.infra import digests as address_digests
from unsub.infra.inserts import insert_unless_present
from unsub.models import Erasure, LostLink, Pause, PauseEnd, Status, UnsubRequest
from unsub.models.request import ON_THEIR_WAY, RequestQuerySet, in_states

from .identity import person_of

ERASED = "erased-"


class StillOpen(Exception):  # noqa: N818 - no mistake of anybody's
    """Wishes of the person are on their way: they have to go out under the person's name."""


def ask(context: UnsubContext, *, language: str) -> None:
    """Write that somebody asks for it; one that is open already stays the only one."""
    who = context.subscriber
    erasure = Erasure(
        unit_id=context.mid,
        person=person_of(context),
        subscriber_id=who.subscriber_id,
        subscriber_key=who.subscriber_key or "",
        email_address=who.email_address or "",
        language=language,
    )
    # Where it was asked for already, perhaps by another process just now, the constraint decides.
    insert_unless_present(erasure)


def grant(erasure: Erasure, *, user_id: int, note: str) -> int:
    """Return how many wishes name nobody any more. Raises StillOpen where one is on its way."""
    with transaction.atomic():
        rows = requests_of(erasure)
        if on_their_way(erasure).exists():
            raise StillOpen
        Pause.objects.filter(request__in=rows, ended_at=None).update(
            ended_at=Now(), end=PauseEnd.STAYED
        )
        rows.filter(status=Status.WAITING).update(
            status=Status.WITHDRAWN, finished_at=Now(), wish=None
        )
        _forget_lost_links(erasure, rows)
        erased = sum(_pseudonymise(row) for row in rows)
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
    """Return the wishes of the person, by whatever name a link had for them. Several people may
    share an address: what has another's ID or SubscriberKey is not theirs."""
    same = Q(person=erasure.person)
    for name in ("subscriber_id", "subscriber_key"):
        if value := getattr(erasure, name):
            same |= Q(**{name: value})
    ids = _values(erasure, same, "subscriber_id")
    keys = _values(erasure, same, "subscriber_key")
    same |= Q(subscriber_id__in=ids) | Q(subscriber_key__in=keys)
    digests = _values(erasure, same, "address_digest")
    if erasure.email_address:
        digests |= set(address_digests.digests_of(erasure.email_address))
    by_address = Q(address_digest__in=digests)
    if ids:
        by_address &= Q(subscriber_id=None) | Q(subscriber_id__in=ids)
    if keys:
        by_address &= Q(subscriber_key="") | Q(subscriber_key__in=keys)
    return UnsubRequest.objects.filter(same | by_address, unit_id=erasure.unit_id)


def _values(erasure: Erasure, same: Q, name: str) -> set[Any]:
    """Return what the unit's rows say under a name, but for nothing."""
    rows = UnsubRequest.objects.filter(same, unit_id=erasure.unit_id).order_by()
    return set(rows.values_list(name, flat=True).distinct()) - {"", None}


def _pseudonymise(row: UnsubRequest) -> int:
    """Return 1 once a row names nobody."""
    return UnsubRequest.objects.filter(pk=row.pk).update(
        subscriber_id=None,
        subscriber_key=f"{ERASED}{row.person[:32] or row.pk}",
        email_address="",
        address_digest="",
        address_mask="",
        reason_text=row.reason.label if row.reason else "",
        value="",
    )


def _forget_lost_links(erasure: Erasure, rows: QuerySet[UnsubRequest]) -> None:
    """Delete what somebody typed into the form for a lost link."""
    typed = {row.email_address for row in rows if row.email_address} | {erasure.email_address}
    digests = [one for address in typed - {""} for one in address_digests.digests_of(address)]
    LostLink.objects.filter(unit_id=erasure.unit_id, digest__in=digests).delete()
