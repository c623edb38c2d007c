"""Opening of signed links under a unit's rules, and creation of the first unit."""

from django.conf import settings

from unsub.domain.context import UnsubContext
from unsub.infra.database_timeout import fail_fast
from unsub.infra.inserts import find_or_insert
from unsub.links.tokens import LinkError, LinkFault, read_link, repaired
from unsub.models import BusinessUnit


def open_link(token: str) -> UnsubContext:
    """Return the context of a signed link. Raises LinkError.

    Queries the database only for a link without a MID, and for one that identifies the subscriber
    by address alone (allowed where the unit's SubscriberKey permission is off).
    """
    keys = settings.LINK_KEYRING
    try:
        context = read_link(token, keys=keys, default_mid=None)
    except LinkError as err:
        if err.reason is not LinkFault.NO_UNIT:
            raise
        context = read_link(token, keys=keys, default_mid=only_mid())
    if context.subscriber.is_email_only and not knows_people_by_address(context.mid):
        raise LinkError(LinkFault.BAD_CLAIM, claim="em", mid=context.mid, job_id=context.job.job_id)
    return context


def open_damaged_link(text: str) -> tuple[str, UnsubContext]:
    """Return the token and the context of a link as somebody's mail client passed it on: what
    followed `/u/`, repaired where it was damaged on its way. Raises LinkError. Queries as
    `open_link`."""
    return repaired(text, open_link)


def only_mid() -> int | None:
    """Return the MID of the only business unit, or None where there are several. With none in the
    database, SFMC_ACCOUNT_ID."""
    with fail_fast():
        mids = list(BusinessUnit.objects.order_by().values_list("mid", flat=True)[:2])
    if mids:
        return mids[0] if len(mids) == 1 else None
    return settings.SFMC_ACCOUNT_ID


def knows_people_by_address(mid: int) -> bool:
    """Return whether the unit identifies subscribers by address. Where the SubscriberKey permission
    is on, Marketing Cloud answers 404."""
    with fail_fast():
        return BusinessUnit.objects.filter(mid=mid, subscriber_key_permission=False).exists()


def ensure_own_unit() -> None:
    """Insert the unit of SFMC_ACCOUNT_ID, to which the token belongs, if it is missing."""
    mid = settings.SFMC_ACCOUNT_ID
    if mid:
        own = BusinessUnit(mid=mid, name=f"Business unit {mid}")
        find_or_insert(BusinessUnit.objects.filter(mid=mid), own)


def make_first_unit() -> BusinessUnit | None:
    """Create the unit of SFMC_ACCOUNT_ID if there is no unit at all. Return it, else None.

    Where there are units, another one would change what a link without `mid` means (`only_mid`).
    """
    if settings.SFMC_ACCOUNT_ID is None or BusinessUnit.objects.exists():
        return None
    ensure_own_unit()
    return BusinessUnit.objects.get(mid=settings.SFMC_ACCOUNT_ID)
