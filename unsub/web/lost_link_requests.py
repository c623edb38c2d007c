"""Store entries of the lost-link form, within limits per client and per unit."""

from datetime import timedelta
from enum import Enum, auto

from django.db import transaction
from django.db.models.functions import Now

from unsub.infra import digests, rate_limit
from unsub.models import LostLink

SAME = timedelta(hours=24)
HOUR = timedelta(hours=1)
CLIENT_MAX = 5  # per hour and client
UNIT_MAX = 500  # per hour and unit: a flood must not hide the genuine entries


class Answer(Enum):
    """Result for the page. It is the same for known and for unknown addresses."""

    KEPT = auto()
    TOO_MANY = auto()


def ask(*, mid: int, address: str, client: str, language: str) -> Answer:
    """Store an address for the unit's marketers, once in 24 hours.

    `client` is the IP address: only a digest of it is used, for the rate limit. Runs in a
    transaction. Raises DatabaseError.
    """
    who = digests.digest(digests.Purpose.CLIENT, client)
    if not rate_limit.may("lost-link", who, times=CLIENT_MAX, seconds=int(HOUR.total_seconds())):
        return Answer.TOO_MANY
    digest, *former = digests.address_digests(address)
    asked = LostLink.objects.filter(unit_id=mid)
    with transaction.atomic():
        if asked.filter(digest__in=(digest, *former), received_at__gt=Now() - SAME).exists():
            return Answer.KEPT
        if asked.filter(received_at__gt=Now() - HOUR).count() >= UNIT_MAX:
            return Answer.TOO_MANY
        asked.create(unit_id=mid, email_address=address, digest=digest, language=language)
    return Answer.KEPT
