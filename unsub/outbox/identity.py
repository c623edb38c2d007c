"""How the same person and the same request are known again: keyed digests."""

from django.conf import settings

from unsub.domain.context import UnsubContext
from unsub.domain.masking import exact_digest, keyed_digest

from .submission import Wish


def digest(context: UnsubContext) -> str:
    """Return the hex digest by which the same unsubscribe is known again: person, scope and job."""
    who, job = context.subscriber, context.job
    return keyed(
        "wish",
        context.mid, who.subscriber_id, who.subscriber_key, who.email_address,
        context.scope.value, job.job_id, job.list_id, job.batch_id,
    )  # fmt: skip


def digest_of(wish: Wish) -> str:
    """Return the hex digest by which the same wish is known again."""
    if wish.change is None:
        return digest(wish.context)
    # Whoever writes their name with a capital now asks for something else.
    value = exact("value", wish.change.value)
    return keyed("change", person_of(wish.context), wish.kind, wish.target, value)


def person_of(context: UnsubContext) -> str:
    """Return the hex digest by which one who is named in the same way is known again, in a unit: by
    the first of their names alone, for one mail's link may have more of them than another's."""
    who = context.subscriber
    if who.subscriber_id is not None:
        return keyed("person", context.mid, who.subscriber_id, None, None)
    if who.subscriber_key is not None:
        return keyed("person", context.mid, None, who.subscriber_key, None)
    return keyed("person", context.mid, None, None, who.email_address)


def keyed(purpose: str, *parts: object) -> str:
    """Return the digest of the parts, an absent one included."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return keyed_digest(text, secret=settings.SECRET_KEY, purpose=purpose)


def exact(purpose: str, text: str) -> str:
    """Return the digest of a text to the letter."""
    return exact_digest(text, secret=settings.SECRET_KEY, purpose=purpose)
