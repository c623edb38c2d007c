"""People whose link does not work: kept for a marketer, and never more than that."""

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
CLIENT_MAX = 5  # an hour, from one client
UNIT_MAX = 500  # an hour, for one unit: a flood must not bury the people in it


class Answer(Enum):
    """What somebody is told. It is the same for addresses that we know and that we do not."""

    KEPT = auto()
    TOO_MANY = auto()


def ask(*, mid: int, address: str, client: str, language: str) -> Answer:
    """Keep an address for the unit's marketers, once a day. `client` is where it came from, of
    which nothing but a digest is used. Raises DatabaseError."""
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
