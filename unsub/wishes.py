"""A wish becomes a row, once. Used by the outbox, and by the task that catches up after a database
was away; nothing else writes new requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from . import addresses
from .context import Scope, UnsubContext
from .models import Channel, Reason, Status, UnsubRequest
from .models.request import REASON_LENGTH
from .privacy import keyed_digest
from .retry import HORIZON
from .text import clean
from .units import open_link

# The same person, scope and job within this time is the same wish (design, invariant 4).
SAME_WISH = timedelta(hours=24)
# Each round either wins the constraint or finds the row that did; a third means a storm.
_ROUNDS = 5
LINK_AGE_MAX = 2**31 - 1  # what the column holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one person asked for, once. `token` is the signed link's; `reason` the code of the
    choice, `words` the person's own, `scanner` the name of a machine that is known for it."""

    token: str
    context: UnsubContext
    channel: Channel
    reason: str = ""
    words: str = ""
    language: str = ""
    received_at: datetime | None = None
    scanner: str = ""

    def to_message(self, *, received_at: datetime) -> dict[str, str]:
        """Return the wish as plain strings for the broker: the token stands for the context."""
        return {
            "token": self.token,
            "channel": self.channel.value,
            "reason": self.reason,
            "words": self.words,
            "language": self.language,
            "scope": self.context.scope.value,
            "scanner": self.scanner,
            "list_id": str(self.context.job.list_id or ""),
            "received_at": received_at.isoformat(),
        }

    @classmethod
    def from_message(cls, message: Mapping[str, str]) -> "Wish":
        """Return the wish that `to_message` wrote; raises LinkError where the keys are gone."""
        context = open_link(message["token"])
        if message["scope"] == Scope.ALL:
            # The link's own scope, or what its person chose on the page.
            context = context.for_everything()
        elif message["channel"] == Channel.PROFILE:
            context = context.for_list(int(message["list_id"]))
        return cls(
            token=message["token"],
            context=context,
            channel=Channel(message["channel"]),
            reason=message["reason"],
            words=message["words"],
            language=message["language"],
            # A letter of the version before has none.
            scanner=message.get("scanner", ""),
            received_at=datetime.fromisoformat(message["received_at"]),
        )


def digest(context: UnsubContext) -> str:
    """Return the hex digest by which the same wish is known again: person, scope and job."""
    who, job = context.subscriber, context.job
    parts = (
        context.mid, who.subscriber_id, who.subscriber_key, who.email_address,
        context.scope.value, job.job_id, job.list_id, job.batch_id,
    )  # fmt: skip
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return keyed_digest(text, secret=settings.SECRET_KEY, purpose="wish")


def find(context: UnsubContext) -> UnsubRequest | None:
    """Return the request that answers for this wish now, or None."""
    return UnsubRequest.objects.filter(wish=digest(context)).first()


def find_all(contexts: Iterable[UnsubContext]) -> list[UnsubRequest | None]:
    """Return, in order, the request that answers for each of these wishes now, or None."""
    digests = [digest(context) for context in contexts]
    found = {row.wish: row for row in UnsubRequest.objects.filter(wish__in=digests)}
    return [found.get(one) for one in digests]


def write(wish: Wish) -> tuple[UnsubRequest, bool]:
    """Return the row that answers for this wish, and whether it is new.

    The unique column `wish` decides, so that any number of processes may write at once. A row
    that is older than SAME_WISH gives its place up to the new one.
    """
    key = digest(wish.context)
    for _ in range(_ROUNDS):
        try:
            with transaction.atomic():
                return _insert(wish, key), True
        except IntegrityError:
            _retire_old(key, wish.received_at)
        found = UnsubRequest.objects.filter(wish=key).first()
        if found:
            return found, False
    raise IntegrityError("a wish could not be written: its place was taken again and again")


def _insert(wish: Wish, key: str) -> UnsubRequest:
    """Return a new row; raises IntegrityError where the wish has one already."""
    context, who = wish.context, wish.context.subscriber
    reason = None
    if wish.reason:
        reason = Reason.objects.offered_to(context.mid).filter(code=wish.reason).first()
    return UnsubRequest.objects.create(
        unit_id=context.mid,
        subscriber_id=who.subscriber_id,
        subscriber_key=who.subscriber_key or "",
        email_address=who.email_address or "",
        address_digest=addresses.digest_of(who.email_address or ""),
        address_mask=addresses.masked(who.email_address or ""),
        job_id=context.job.job_id,
        list_id=context.job.list_id,
        batch_id=context.job.batch_id,
        scope=context.scope.value,
        channel=wish.channel,
        reason=reason,
        reason_text=reason_text(reason.label if reason else "", wish.words),
        language=wish.language,
        link_age=_link_age(wish),
        scanner=wish.scanner,
        received_at=wish.received_at or Now(),
        next_attempt_at=Now() + timedelta(seconds=grace(wish.channel)),
        give_up_at=Now() + HORIZON,
        wish=key,
    )


def add_reason(context: UnsubContext, *, reason: str, words: str) -> bool:
    """Return whether a reason was written to a wish that had none. It goes with the call if that
    is not made yet; else it is kept here alone."""
    chosen = Reason.objects.offered_to(context.mid).filter(code=reason).first() if reason else None
    text = reason_text(chosen.label if chosen else "", words)
    without = UnsubRequest.objects.filter(wish=digest(context), reason=None, reason_text="")
    without = without.exclude(status=Status.WITHDRAWN)
    changes = {"reason": chosen, "reason_text": text, "reason_added_at": Now()}
    return bool(text and without.update(**changes))


def _link_age(wish: Wish) -> int | None:
    """Return the seconds from the making of the link to the wish, or None where it does not say."""
    if wish.context.issued_at is None:
        return None
    at = wish.received_at or timezone.now()
    return min(max(int(at.timestamp()) - wish.context.issued_at, 0), LINK_AGE_MAX)


def grace(channel: str) -> int:
    """Return the seconds in which a wish can be taken back before it is sent."""
    return settings.UNDO_SECONDS if channel == Channel.PAGE else 0


def _retire_old(key: str, received_at: datetime | None) -> None:
    """Free the place of a row that no longer answers for its wish, received now or earlier."""
    # What is still on its way answers for the wish however old it is: one wish, one event.
    old = Q(received_at__lt=Now() - SAME_WISH, status__in=(Status.DONE, Status.REFUSED))
    # Taking back answers for all that was asked before it: a letter that was kept while the
    # database was away may be read only after its person pressed again, and then Undo.
    taken_back = Q(status=Status.WITHDRAWN, finished_at__lte=received_at or Now())
    UnsubRequest.objects.filter(old | taken_back, wish=key).update(wish=None)


def reason_text(label: str, words: str) -> str:
    """Return the Reason parameter: the unit's words for the choice and the person's own, cleaned,
    at most 100 characters; empty where neither was given."""
    parts = [part for part in (clean(label), clean(words)) if part]
    return ": ".join(parts)[:REASON_LENGTH].rstrip()
