"""Entries of the lost-link form, within limits per client and per unit."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from unsub.infra import digests, rate_limit
from unsub.models import LostLink

from . import erased

SAME = timedelta(hours=24)
HOUR = timedelta(hours=1)
CLIENT_MAX = 5  # per hour and client
UNIT_MAX = 500  # per hour and unit: a flood must not hide the genuine entries


def report_lost_link(*, mid: int, address: str, client: str, language: str) -> int:
    """Store an address for the unit's marketers, once in 24 hours. Return 0, for known and for
    unknown addresses alike, or where there are too many, the seconds to wait.

    `client` is the IP address: only a digest of it is used, for the rate limit. Runs in a
    transaction. Raises DatabaseError.
    """
    who = digests.digest(digests.Purpose.CLIENT, client)
    hour = int(HOUR.total_seconds())
    if wait := rate_limit.wait("lost-link", who, times=CLIENT_MAX, seconds=hour):
        return wait
    digest, *former = digests.address_digests(address)
    recent = LostLink.objects.filter(unit_id=mid)
    with transaction.atomic():
        if recent.filter(
            address_digest__in=(digest, *former), received_at__gt=Now() - SAME
        ).exists():
            return 0
        if recent.filter(received_at__gt=Now() - HOUR).count() >= UNIT_MAX:
            return hour
        # An erased subscriber may write, too: the entry is deleted sooner than others then.
        erased.adopt_address(mid, address)
        recent.create(unit_id=mid, email_address=address, address_digest=digest, language=language)
    return 0
