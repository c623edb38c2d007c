"""The erased subscribers of each business unit, as keyed digests of their identifiers: what is
consulted before anything could bring them back.

One digest for each identifier that was known when the erasure was granted. Without the digest keys
nobody can find a subscriber in the table by trying identifiers. A digest under a former key moves
to the current one with the subscriber's next request (`identity.adopt`); until then it is found as
long as DIGEST_KEYS has that key.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from unsub.domain.context import SubscriberContext
from unsub.infra import digests
from unsub.infra.inserts import insert_unless_present
from unsub.models import ErasedIdentifier

_OF_UNIT = ErasedIdentifier.objects.filter(unit=OuterRef("unit_id"))
# Q for the rows that an erased subscriber's link wrote, and for those with only their address.
IS_ERASED = Q(Exists(_OF_UNIT.filter(digest=OuterRef("subscriber_digest"))))
ADDRESS_IS_ERASED = Q(Exists(_OF_UNIT.filter(digest=OuterRef("address_digest"))))


def remember(mid: int, found: Iterable[str]) -> None:
    """Insert digests of identifiers that are those of an erased subscriber."""
    for digest in sorted(set(found) - {""}):
        # With the database's time, by which `erased_since` compares.
        insert_unless_present(ErasedIdentifier(unit_id=mid, digest=digest, erased_at=Now()))


def digests_to_remember(
    mid: int, ids: Iterable[int], keys: Iterable[str], addresses: Iterable[str]
) -> set[str]:
    """Return the digests of a subscriber's identifiers, under the current key.

    An address may be shared. It is remembered for links and lost links that have nothing else; for
    subscribers with a SubscriberID or SubscriberKey only where the erased one was never known by
    these.
    """
    ids, keys, addresses = list(ids), list(keys), list(addresses)
    found = {digests.id_digests(mid, one)[0] for one in ids}
    found |= {digests.key_digests(mid, one)[0] for one in keys}
    for address in addresses:
        found |= {one[0] for one in _of_address(mid, address)}
        if not (ids or keys):
            found.add(digests.only_address_digests(mid, address)[0])
    return found


def which(mid: int, people: Mapping[str, set[str]]) -> set[str]:
    """Return those of these subscribers of a unit, each given with the digests of their identifiers
    under every key, who were erased. One query."""
    wanted = {one for found in people.values() for one in found}
    erased = ErasedIdentifier.objects.filter(unit_id=mid, digest__in=wanted)
    there = set(erased.values_list("digest", flat=True))
    return {who for who, found in people.items() if not there.isdisjoint(found)}


def erased_since(mid: int, who: SubscriberContext, received_at: datetime) -> bool:
    """Return whether the subscriber was erased at or after a time."""
    return ErasedIdentifier.objects.filter(
        unit_id=mid, digest__in=digests_of(mid, who), erased_at__gte=received_at
    ).exists()


def adopt(mid: int, who: SubscriberContext) -> None:
    """Move the digests of an erased subscriber from former keys to the current one. Makes no query
    while there is only one digest key."""
    _move(mid, _alone(mid, who))


def adopt_address(mid: int, address: str) -> None:
    """Move the digests of an erased subscriber's address from former keys to the current one."""
    _move(mid, _of_address(mid, address))


def _move(mid: int, found: Iterable[tuple[str, ...]]) -> None:
    for current, *former in found:
        if not former:
            continue
        old = ErasedIdentifier.objects.filter(unit_id=mid, digest__in=former)
        for erased_at in old.order_by("erased_at").values_list("erased_at", flat=True)[:1]:
            insert_unless_present(
                ErasedIdentifier(unit_id=mid, digest=current, erased_at=erased_at)
            )
            old.delete()


def digests_of(mid: int, who: SubscriberContext) -> set[str]:
    """Return the digests by any of which this subscriber would be an erased one."""
    found = {one for each in _alone(mid, who) for one in each}
    if who.email_address is not None:
        found |= set(digests.only_address_digests(mid, who.email_address))
    return found


def _alone(mid: int, who: SubscriberContext) -> list[tuple[str, ...]]:
    """Return the digests of each identifier, current key first; of an address only where there is
    no other identifier."""
    found = []
    if who.subscriber_id is not None:
        found.append(digests.id_digests(mid, who.subscriber_id))
    if who.subscriber_key is not None:
        found.append(digests.key_digests(mid, who.subscriber_key))
    return found or _of_address(mid, who.email_address or "")


def _of_address(mid: int, address: str) -> list[tuple[str, ...]]:
    """Return the digests of an address that stands alone: in a link, and in a lost link."""
    return [digests.bare_address_digests(mid, address), digests.address_digests(address)]
