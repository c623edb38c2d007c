"""Store entries of the lost-link form, within limits per client and per unit."""

from datetime import timedelta
from enum import Enum, auto

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from unsub.domain.masking import keyed_digest
from unsub.infra import rate_limit
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
    secret = settings.SECRET_KEY
    who = keyed_digest(client, secret=secret, purpose="client")
    if not rate_limit.may("lost-link", who, times=CLIENT_MAX, seconds=int(HOUR.total_seconds())):
        return Answer.TOO_MANY
    digest = keyed_digest(address, secret=secret, purpose="address")
    asked = LostLink.objects.filter(unit_id=mid)
    with transaction.atomic():
        if asked.filter(digest=digest, received_at__gt=Now() - SAME).exists():
            return Answer.KEPT
        if asked.filter(received_at__gt=Now() - HOUR).count() >= UNIT_MAX:
            return Answer.TOO_MANY
        asked.create(unit_id=mid, email_address=address, digest=digest, language=language)
    return Answer.KEPT
