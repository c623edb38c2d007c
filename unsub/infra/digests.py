"""Every keyed digest that the application makes. Without the keys a digest cannot be reversed by
trying addresses or SubscriberKeys.

The keys are those of DIGEST_KEYS; where it is empty, they are derived from SECRET_KEY and
SECRET_KEY_FALLBACKS (unsub.W011). Stored digests are written under the current key and looked up
under all of them (docs/adr/0016).

Identifiers are compared exactly: SubscriberKeys `AbC` and `aBc` are two subscribers, and so are
`straße` and `strasse`. An address is compared with ASCII letters in lower case and without
surrounding white space; no other letter is folded, because Marketing Cloud may have both forms.
"""

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase

from django.conf import settings

from unsub.domain.context import SubscriberContext, UnsubContext
from unsub.domain.digest_keys import DigestKeyring

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


class Purpose(StrEnum):
    """What a digest is made for; digests of two purposes never match."""

    SUBSCRIBER = "subscriber"
    UNSUBSCRIBE = "unsubscribe"
    CHANGE = "change"
    EVENT = "event"
    ADDRESS = "address"
    ERASED_ADDRESS = "erased-address"
    FORM_VALUE = "form-value"
    IMPORT_FILE = "import-file"
    # Never stored in the database: rate limits and names in the cache.
    CLIENT = "client"
    PROFILE = "profile"
    CREDENTIALS = "credentials"
    # Stored for a day.
    API_CALL = "api-call"


def keyring() -> DigestKeyring:
    """Return the keys in use, the current one first."""
    configured: DigestKeyring = settings.DIGEST_KEYRING
    return configured or _derived((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def digest(purpose: Purpose, *parts: str | int | None) -> str:
    """Return the digest under the current key."""
    return keyring().keys[0].digest(purpose, *parts)


def digests(purpose: Purpose, *parts: str | int | None) -> tuple[str, ...]:
    """Return the digests to look for: under each key, the current one first."""
    return keyring().digests(purpose, *parts)


def subscriber_digests(mid: int, who: SubscriberContext) -> tuple[str, ...]:
    """Return the digests of a subscriber of a business unit, the current one first: of the
    SubscriberID, else of the SubscriberKey, else of the address. Links of one email may carry
    different identifiers beside the strongest one, and still name the same subscriber."""
    return digests(Purpose.SUBSCRIBER, mid, *_strongest(who))


def id_digests(mid: int, subscriber_id: int) -> tuple[str, ...]:
    """Return the digests of a subscriber known by this SubscriberID, the current one first."""
    return digests(Purpose.SUBSCRIBER, mid, "id", subscriber_id)


def key_digests(mid: int, subscriber_key: str) -> tuple[str, ...]:
    """Return the digests of a subscriber known by this SubscriberKey and no SubscriberID, the
    current one first."""
    return digests(Purpose.SUBSCRIBER, mid, "key", subscriber_key)


def bare_address_digests(mid: int, address: str) -> tuple[str, ...]:
    """Return the digests of a subscriber known by this address alone, the current one first."""
    return digests(Purpose.SUBSCRIBER, mid, "address", _comparable(address))


def only_address_digests(mid: int, address: str) -> tuple[str, ...]:
    """Return the digests of an erased subscriber who was known by this address alone, to compare
    with subscribers who have it among others. The current one first."""
    return digests(Purpose.ERASED_ADDRESS, mid, _comparable(address))


def unsubscribe_digests(context: UnsubContext) -> tuple[str, ...]:
    """Return the idempotency keys of an unsubscribe, the current one first: subscriber, scope and
    job."""
    job = context.job
    return digests(
        Purpose.UNSUBSCRIBE,
        context.mid, *_strongest(context.subscriber),
        context.scope.value, job.job_id, job.list_id, job.batch_id,
    )  # fmt: skip


def change_digests(context: UnsubContext, kind: str, target: str, value: str) -> tuple[str, ...]:
    """Return the idempotency keys of a change in the profile centre, the current one first. The
    value is compared exactly: upper and lower case differ."""
    who = _strongest(context.subscriber)
    return digests(Purpose.CHANGE, context.mid, *who, kind, target, value)


def event_digests(
    mid: int, subscriber_key: str, *, job_id: int | None, list_id: int | None, at: datetime
) -> tuple[str, ...]:
    """Return the idempotency keys of an imported event, the current one first."""
    return digests(Purpose.EVENT, mid, subscriber_key, job_id, list_id, at.isoformat())


def file_digests(mid: int, sha256: str) -> tuple[str, ...]:
    """Return the digests of a file that was uploaded for a unit, the current one first."""
    return digests(Purpose.IMPORT_FILE, mid, sha256)


def address_digest(address: str) -> str:
    """Return the digest of an address to store, or "" for no address."""
    return digest(Purpose.ADDRESS, _comparable(address)) if address else ""


def address_digests(address: str) -> tuple[str, ...]:
    """Return the digests of an address to look for, the current one first."""
    return digests(Purpose.ADDRESS, _comparable(address))


def _strongest(who: SubscriberContext) -> tuple[str, str | int | None]:
    """Return the name and value of the strongest identifier present: SubscriberID, else
    SubscriberKey, else address."""
    if who.subscriber_id is not None:
        return "id", who.subscriber_id
    if who.subscriber_key is not None:
        return "key", who.subscriber_key
    return "address", _comparable(who.email_address or "")


def _comparable(address: str) -> str:
    return address.strip().translate(_LOWER)


@lru_cache(maxsize=4)
def _derived(secrets: tuple[str, ...]) -> DigestKeyring:
    return DigestKeyring.from_secrets(secrets)
