"""Consent receipts: what one person agreed to, in which words, how that was confirmed, and how it
was withdrawn.

A receipt is about one consent and has the ID of its request (`unsub/domain/receipt_id.py`). It is
made of the requests whenever somebody opens it: nothing is stored for it. An unsubscribe without a
consent here, such as that of a person whom an import added, has a receipt of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop

from unsub.audit.evidence import Evidence, evidence_of
from unsub.domain.context import SubscriberContext
from unsub.domain.receipt_id import ReceiptId
from unsub.domain.target import Target
from unsub.models import Channel, ConsentText, Kind, Pause, PauseResult, Status, SubscriberRequest
from unsub.models.kinds import KINDS, LEAVING, SUBSCRIBING
from unsub.models.request import RequestQuerySet
from unsub.outbox import identity
from unsub.outbox.forgetting import ERASED

from .target_names import Names, target_name

RECEIPTS_MAX = 500  # requests that are read for one person
_PLACES = {
    Channel.PAGE: gettext_noop("on the unsubscribe page"),
    Channel.ONE_CLICK: gettext_noop("with one click in the email program"),
    Channel.PROFILE: gettext_noop("on the preferences page"),
    Channel.MAILTO: gettext_noop("by an email to the unsubscribe address"),
    Channel.IMPORT: gettext_noop("in the sender’s email system"),
    Channel.API: gettext_noop("by the sender, after a request made elsewhere"),
}
# A pause that ended so put the subscription back: it withdrew nothing for good.
_BACK = frozenset({PauseResult.PUT_BACK, PauseResult.CANCELLED})


class UnknownReceiptError(LookupError):
    """No request that may be seen has this receipt ID."""


class DeletedReceiptError(LookupError):
    """The personal data of this receipt's request is deleted: nobody can be shown to be the person
    of the receipt any more. `is_erased`: by an erasure; else by retention."""

    def __init__(self, request: SubscriberRequest) -> None:
        super().__init__(request.pk)
        self.request = request
        self.is_erased = request.subscriber_key.startswith(ERASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One consent and its withdrawal; either may be missing. `id` is that of the first of the two
    requests whose data is still there."""

    id: str
    given: SubscriberRequest | None
    withdrawn: SubscriberRequest | None

    @property
    def request(self) -> SubscriberRequest:
        """The request that gave consent; else the one that withdrew it."""
        found = self.given or self.withdrawn
        if found is None:
            raise ValueError("a receipt without a request")
        return found

    @property
    def target(self) -> Target:
        """What it is about."""
        return self.request.target

    @property
    def consent_text(self) -> ConsentText | None:
        """The text agreed to, or None where the consent is not recorded here."""
        return self.given.consent_text if self.given else None

    @property
    def confirmation(self) -> str:
        """`confirmed`, `waiting`, `expired` or `not_needed`; "" where the consent is not recorded
        here."""
        if self.given is None:
            return ""
        if self.given.confirmed_at:
            return "confirmed"
        return {Status.WAITING: "waiting", Status.WITHDRAWN: "expired"}.get(
            Status(self.given.status), "not_needed"
        )

    @property
    def given_how(self) -> str:
        """Where consent was given, in the language of the page."""
        return _how(self.given)

    @property
    def withdrawn_how(self) -> str:
        """Where consent was withdrawn, in the language of the page."""
        return _how(self.withdrawn)

    def about(self, names: Names) -> str:
        """Return what it is about, in the language of the page."""
        # Which list a send went to is not always known here.
        list_id = self.request.list_id
        if not (name := target_name(self.target, names)) and list_id:
            return names.get(list_id, str(list_id))
        return name or gettext("a mailing list")

    def has(self, request_id: int) -> bool:
        """Return whether it shows this request."""
        return request_id in {one.pk for one in (self.given, self.withdrawn) if one}

    def seals(self) -> list[tuple[SubscriberRequest, Evidence | None]]:
        """Return each of its requests with its seal. Reads the seals."""
        return [(one, evidence_of(one)) for one in (self.given, self.withdrawn) if one]


def requests_of_person(
    mid: int, who: SubscriberContext | None, digests: Iterable[str] = ()
) -> list[SubscriberRequest]:
    """Return the requests of one subscriber of a unit that receipts are made of, the oldest first;
    the newest RECEIPTS_MAX of them. `digests` are known to be the subscriber's."""
    rows = identity.requests_of(mid, who, set(digests)).select_related("consent_text", "pause")
    return list(rows.order_by("-received_at", "-pk")[:RECEIPTS_MAX])[::-1]


def receipts(requests: Iterable[SubscriberRequest]) -> list[Receipt]:
    """Return the receipts of one person, the newest first. `requests` are all of theirs, the oldest
    first."""
    found: list[tuple[SubscriberRequest | None, SubscriberRequest | None]] = []
    standing: list[SubscriberRequest] = []
    gone: set[Target] = set()
    for one in requests:
        if one.kind in SUBSCRIBING or one.kind == Kind.TOPIC:
            gone -= {one.target}
        if _is_consent(one):
            standing.append(one)
        elif _withdraws(one):
            ended = [given for given in standing if _covers(one, given)]
            standing = [given for given in standing if given not in ended]
            found += [(given, one) for given in ended]
            if not ended and one.target not in gone:
                found.append((None, one))
            gone.add(one.target)
    found += [(given, None) for given in standing]
    made = [_receipt(given, withdrawn) for given, withdrawn in found]
    named = {one.id: one for one in made if one is not None}
    return sorted(named.values(), key=lambda one: (one.request.received_at, one.id), reverse=True)


def find(rows: RequestQuerySet, text: str) -> SubscriberRequest:
    """Return the request among `rows` whose receipt has this ID. Raises ReceiptIdError for a text
    that is no ID, DeletedReceiptError where the personal data is deleted, and UnknownReceiptError.

    Of a deleted one the mark in the ID cannot be checked any more."""
    wanted = ReceiptId.read(text)
    one = rows.filter(pk=wanted.number).first()
    if one is not None and one.forgotten_at is not None:
        raise DeletedReceiptError(one)
    if one is None or not wanted.is_of(one.seal_salt):
        raise UnknownReceiptError
    return one


def receipt_id(request: SubscriberRequest) -> str:
    """Return the ID of the receipt of a request, or "" where its personal data is deleted."""
    if request.seal_salt is None:
        return ""
    return str(ReceiptId.of(request.pk, request.seal_salt))


def _receipt(
    given: SubscriberRequest | None, withdrawn: SubscriberRequest | None
) -> Receipt | None:
    """Return a receipt, or None where the personal data of both requests is deleted."""
    ids = [receipt_id(one) for one in (given, withdrawn) if one]
    found = next(filter(None, ids), "")
    return Receipt(id=found, given=given, withdrawn=withdrawn) if found else None


def _is_consent(request: SubscriberRequest) -> bool:
    """Return whether a request gives consent: to a text, or to a change that waits, or waited, for
    a confirmation by email."""
    if request.kind in LEAVING:
        return False
    return bool(request.consent_text_id or request.confirmed_at or request.status == Status.WAITING)


def _withdraws(request: SubscriberRequest) -> bool:
    """Return whether a request withdraws consent: it was not undone, and is no pause that put the
    subscription back."""
    pause: Pause | None = getattr(request, "pause", None)
    is_over = pause is not None and pause.result in _BACK
    return request.kind in LEAVING and request.status != Status.WITHDRAWN and not is_over


def _covers(withdrawal: SubscriberRequest, given: SubscriberRequest) -> bool:
    """Return whether an unsubscribe withdraws a consent: by the rules by which it supersedes the
    request. One that was never confirmed is none."""
    if given.status == Status.WITHDRAWN:
        return False
    rules = KINDS[withdrawal.kind].supersedes
    return any(
        kind == given.kind and relation.holds(withdrawal.target, given.target)
        for kind, relation in rules
    )


def _how(request: SubscriberRequest | None) -> str:
    """Return where a request was made, in the language of the page; of a pause until when."""
    if request is None:
        return ""
    place = gettext(_PLACES[Channel(request.channel)])
    pause: Pause | None = getattr(request, "pause", None)
    if pause is None:
        return place
    day = date_format(timezone.localtime(pause.until))
    return f"{place} ({gettext('Paused until %(day)s') % {'day': day}})"
