"""A subscriber's request, and the state of its delivery."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import uuid4

from django.db import models
from django.db.models import Case, Count, F, When
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.call_method import CallMethod
from unsub.domain.context import Scope, UnsubContext
from unsub.domain.digest_keys import LENGTH as DIGEST_LENGTH
from unsub.domain.retry import HORIZON
from unsub.domain.target import Target, TargetType

from .business_unit import BusinessUnit
from .consent_text import ConsentText
from .deliverable import Deliverable
from .kinds import KINDS, Kind, KindSpec
from .reason import Reason
from .shown_status import shown_as_held, shown_status, shows
from .statuses import ENDED, NOT_ENDED, OPEN, Status, in_states

REASON_LENGTH = 100  # _BusinessUnitUnsubscribes.UnsubReason is varchar(100)


class Channel(models.TextChoices):
    """How a request was received."""

    PAGE = "page", _("page")
    ONE_CLICK = "one_click", _("one-click")
    PROFILE = "profile", _("preference center")
    IMPORT = "import", _("import")
    API = "api", _("API")
    MAILTO = "mailto", _("email to the unsubscribe address")


# A row of an event that Marketing Cloud reported: it was stored with the time of the event, and no
# call was made for it. Rows that were imported from a file are sent, and end, like all others.
IMPORTED_EVENT = models.Q(channel=Channel.IMPORT, status=Status.DONE, attempts=0)


def waits_since() -> Case:
    """Return the expression for the time since which we know of a request. One that was imported
    from a file was received, elsewhere, up to years before."""
    return Case(
        When(channel=Channel.IMPORT, then=F("give_up_at") - HORIZON), default=F("received_at")
    )


def waits_longer_than(time: timedelta) -> models.Q:
    """Return Q for the requests of which we have known for longer than this."""
    known = ~models.Q(channel=Channel.IMPORT) | models.Q(give_up_at__lt=Now() + (HORIZON - time))
    return models.Q(received_at__lt=Now() - time) & known


def target_columns(target: Target) -> dict[str, Any]:
    """Return a target as the columns of a request, to write them or to filter by them."""
    return {"target_type": target.type, "target_id": target.id, "target_name": target.name}


# A row whose digest may be made of something else than its SubscriberID. The others are found by
# that digest, so that the index on the SubscriberID holds these only.
HAS_OTHER_IDENTIFIER = ~models.Q(subscriber_key="") | ~models.Q(email_address="")


def any_status() -> models.Q:
    """Return Q that every request meets, as the conditions of partial indexes: a query that also
    names a unit or a list reads the rows that have ended by the index of the unit or the list, and
    the open ones, which are few, by those of their status."""
    return models.Q(finished_at__isnull=False) | in_states(*NOT_ENDED)


# Requests that carried out what somebody agreed to.
IS_CONSENT = models.Q(consent_text__isnull=False, status="done")


class RequestQuerySet(models.QuerySet["SubscriberRequest"]):
    """Queries for requests."""

    def unsubscribes(self) -> "RequestQuerySet":
        """Return the unsubscribes: the requests that are counted, reported and measured."""
        return self.filter(kind=Kind.UNSUBSCRIBE)

    def with_shown_status(self) -> "RequestQuerySet":
        """Return the requests, each with `shown_status`: HELD for a pending one whose queue is
        held, else its status."""
        return self.annotate(shown_status=shown_status())

    def open_counts(self) -> Iterator[tuple[int, str, int]]:
        """Yield (MID, shown status, number) of the open requests: on their way, or refused.

        One query for each status, which counts the entries of that status's index: all statuses in
        one query would read the rows."""
        for status in OPEN:
            rows = self.filter(status=status).order_by().annotate(shown=shown_as_held(status))
            yield from rows.values_list("unit_id", "shown").annotate(number=Count("*"))

    def shown_as(self, *statuses: str) -> "RequestQuerySet":
        """Return the requests that show one of these statuses; none if no status is given."""
        return self.filter(reduce(or_, map(shows, statuses))) if statuses else self.none()


class SubscriberRequest(Deliverable):
    """One request of a subscriber: to unsubscribe, or to change something in the profile centre.

    What was asked never changes, by a trigger (migration 0002): unit, kind, target, scope, channel,
    job, list, batch, language, time of receipt, age of the link, scanner, consent text. The
    identifiers of the subscriber can be filled where they were empty, and are emptied, as are the
    value and the free text, when `forgotten_at` is set. A reason, a confirmation and `undoes` are
    added once. The delivery fields, the digests and the idempotency key change.
    """

    # A request is accepted even when its MID is not (yet) a BusinessUnit, hence no constraint.
    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_column="mid",
        related_name="requests",
        db_index=False,  # `request_due` and `request_ended` begin with it, see `any_status`
    )
    scope = models.CharField(
        _("scope"), max_length=4, choices=[(scope.value, scope.value) for scope in Scope]
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    reason = models.ForeignKey(
        Reason,
        verbose_name=_("reason"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # `request_reason`
    )
    reason_text = models.CharField(
        _("reason sent to Marketing Cloud"),
        max_length=REASON_LENGTH,
        blank=True,
        help_text=_("Empty if none was given."),
    )
    # For reports: the time since the link was made, where the link has it, and the name of a known
    # scanner, from the User-Agent.
    link_age = models.PositiveIntegerField(_("link age (seconds)"), null=True, blank=True)
    scanner = models.CharField(_("detected bot"), max_length=20, blank=True, db_default="")
    # For a reason given after the button was pressed. It is sent where no call was made yet.
    reason_added_at = models.DateTimeField(_("reason added"), null=True, blank=True)
    # When the subscriber last made the same request again, which this row answers for. It counts
    # as made at that time.
    repeated_at = models.DateTimeField(_("repeated"), null=True, blank=True)
    kind = models.CharField(
        _("type"),
        max_length=12,
        choices=Kind.choices,
        default=Kind.UNSUBSCRIBE,
        db_default=Kind.UNSUBSCRIBE,
    )
    # What it is about, as a `Target`.
    target_type = models.CharField(
        _("target"), max_length=10, choices=[(one.value, one.value) for one in TargetType]
    )
    target_id = models.BigIntegerField(_("target list or send"), null=True, blank=True)
    target_name = models.CharField(
        _("target attribute or topic"), max_length=150, blank=True, db_default=""
    )
    value = models.TextField(_("new value"), blank=True, db_default="")
    consent_text = models.ForeignKey(
        ConsentText,
        verbose_name=_("consent text"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # nothing looks for the requests of a text, and no text is deleted
        related_name="+",
    )
    confirmed_at = models.DateTimeField(_("confirmed by email"), null=True, blank=True)
    superseded_by = models.ForeignKey(
        "self",
        verbose_name=_("replaced by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # `request_superseded_by`
        related_name="+",
    )
    # A change of address that this request undoes, by the link in the email to the former address.
    undoes = models.ForeignKey(
        "self",
        verbose_name=_("undoes"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # `request_undoes`
        related_name="undone_by",
    )

    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    # How an unsubscribe is sent next.
    call_method = models.CharField(
        _("call"),
        max_length=12,
        choices=[(one.value, one.value) for one in CallMethod],
        default=CallMethod.EVENT,
        db_default=CallMethod.EVENT,
    )
    # To be sent once more when the call that is being made has ended: a stale call of another
    # request may have come after it (unsub/outbox/reassertion.py).
    send_again = models.BooleanField(default=False, db_default=False, editable=False)
    # The idempotency key, a keyed digest, while this row answers for its request; else NULL, of
    # which a unique column takes any number. Unique by a constraint: with `unique=True` Django
    # would add a second index on PostgreSQL, for LIKE.
    idempotency_key = models.CharField(  # noqa: DJ001
        max_length=DIGEST_LENGTH, null=True, editable=False
    )

    # Hides, in the seals, who asked for what: it is removed when the row is forgotten.
    seal_salt = models.UUIDField(null=True, default=uuid4, editable=False)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        permissions = (
            ("name_subscribers", "Can see who asked, by address and key, in exports and proofs"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("idempotency_key",), name="request_idempotency_key_once"
            ),
            models.CheckConstraint(
                condition=models.Q(subscriber_id__isnull=False)
                | ~models.Q(subscriber_key="")
                | ~models.Q(email_address="")
                | models.Q(forgotten_at__isnull=False),
                name="request_names_a_subscriber",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=Status.HELD), name="request_is_never_stored_as_held"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    status=Status.SENDING,
                    lease__isnull=False,
                    lease_until__isnull=False,
                    attempts__gt=0,
                )
                | (
                    ~models.Q(status=Status.SENDING)
                    & models.Q(lease__isnull=True, lease_until__isnull=True)
                ),
                name="request_sending_has_a_lease",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=ENDED, finished_at__isnull=False)
                | models.Q(status__in=NOT_ENDED, finished_at__isnull=True),
                name="request_ended_has_finished_at",
            ),
            models.CheckConstraint(
                condition=models.Q(status=Status.SUPERSEDED, superseded_by__isnull=False)
                | (~models.Q(status=Status.SUPERSEDED) & models.Q(superseded_by__isnull=True)),
                name="request_superseded_has_superseded_by",
            ),
            # An imported event was sent by Marketing Cloud itself.
            models.CheckConstraint(
                condition=~models.Q(status=Status.DONE)
                | ~models.Q(outcome="")
                & (models.Q(attempts__gt=0) | models.Q(channel=Channel.IMPORT)),
                name="request_done_has_an_outcome",
            ),
            # Only a change waits for a confirmation, carries a value and a consent text.
            models.CheckConstraint(
                condition=~models.Q(kind=Kind.UNSUBSCRIBE)
                | ~models.Q(status=Status.WAITING)
                & models.Q(confirmed_at__isnull=True, consent_text__isnull=True, value=""),
                name="request_unsubscribe_needs_nothing_else",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_at__isnull=True) | ~models.Q(status=Status.WAITING),
                name="request_confirmed_is_not_waiting",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    target_type__in=("list", "job"), target_id__isnull=False, target_name=""
                )
                | models.Q(
                    ~models.Q(target_name=""),
                    target_type__in=("attribute", "topic"),
                    target_id__isnull=True,
                )
                | models.Q(
                    target_type__in=("everything", "format", "address"),
                    target_id__isnull=True,
                    target_name="",
                ),
                name="request_has_a_target",
            ),
        )
        # An INSERT of a pending unsubscribe writes to four of these, beside the primary key and the
        # idempotency key: the due one, the subscriber's, the job's and `request_received`
        # (docs/adr/0017). Each row is written three times, so each index here costs three times.
        indexes = (
            models.Index(
                fields=("unit", "next_attempt_at"),
                condition=models.Q(status="pending"),
                name="request_due",
            ),
            # Not partial: PostgreSQL cannot prove that a query for a digest excludes the empty one.
            models.Index(fields=("subscriber_digest",), name="request_subscriber_digest"),
            models.Index(
                fields=("job_id",), condition=models.Q(job_id__isnull=False), name="request_job"
            ),
            # Not BRIN: space of former row versions is used again, so after a while the rows of one
            # day are spread over much of the table.
            models.Index(fields=("received_at",), name="request_received"),
            # Of rows that carry more than the SubscriberID.
            models.Index(
                fields=("subscriber_key",),
                condition=~models.Q(subscriber_key=""),
                name="request_subscriber_key",
            ),
            models.Index(
                fields=("subscriber_id",),
                condition=HAS_OTHER_IDENTIFIER,
                name="request_subscriber_id",
            ),
            models.Index(
                fields=("address_digest",),
                condition=~models.Q(address_digest=""),
                name="request_address_digest",
            ),
            # Of rows that retention has emptied.
            models.Index(
                fields=("subscriber_id_digest",),
                condition=~models.Q(subscriber_id_digest=""),
                name="request_id_digest",
            ),
            models.Index(
                fields=("subscriber_key_digest",),
                condition=~models.Q(subscriber_key_digest=""),
                name="request_key_digest",
            ),
            # Of rows that have ended: each is written once.
            models.Index(
                fields=("unit", "finished_at"),
                condition=models.Q(finished_at__isnull=False),
                name="request_ended",
            ),
            # The rows that retention looks through, oldest end first. Consents apart: a unit may
            # keep them for as long as they stand.
            models.Index(
                fields=("unit", "finished_at"),
                condition=models.Q(forgotten_at__isnull=True, finished_at__isnull=False)
                & ~IS_CONSENT,
                name="request_kept_in_clear",
            ),
            models.Index(
                fields=("unit", "finished_at"),
                condition=models.Q(forgotten_at__isnull=True, finished_at__isnull=False)
                & IS_CONSENT,
                name="request_kept_consent",
            ),
            models.Index(
                fields=("list_id",),
                condition=models.Q(list_id__isnull=False, finished_at__isnull=False),
                name="request_list",
            ),
            # Of few rows.
            models.Index(
                fields=("lease_until",), condition=models.Q(status="sending"), name="request_leased"
            ),
            models.Index(
                fields=("unit", "finished_at"),
                condition=models.Q(status="refused"),
                name="request_refused",
            ),
            # The newest of the refused ones, of which there are more each year; and those without a
            # note, by the index alone.
            models.Index(
                fields=("id",),
                include=("unit",),
                condition=models.Q(status="refused"),
                name="request_refused_newest",
            ),
            models.Index(
                fields=("received_at",),
                condition=models.Q(status="waiting"),
                name="request_waiting",
            ),
            # Of those whose message raised an error here, for the alarm.
            models.Index(
                fields=("unit",),
                condition=models.Q(status="pending", outcome="internal_error"),
                name="request_failing",
            ),
            # Changes are few: finding the due ones must not read a million pending unsubscribes.
            models.Index(
                fields=("unit", "next_attempt_at"),
                condition=models.Q(status="pending") & ~models.Q(kind="unsubscribe"),
                name="request_change_due",
            ),
            models.Index(
                fields=("kind", "id"),
                condition=~models.Q(kind="unsubscribe"),
                name="request_kind",
            ),
            models.Index(
                fields=("undoes",),
                condition=models.Q(undoes__isnull=False),
                name="request_undoes",
            ),
            models.Index(
                fields=("error_code",),
                condition=models.Q(error_code__isnull=False),
                name="request_error_code",
            ),
            models.Index(
                fields=("reason",), condition=models.Q(reason__isnull=False), name="request_reason"
            ),
            models.Index(
                fields=("superseded_by",),
                condition=models.Q(superseded_by__isnull=False),
                name="request_superseded_by",
            ),
        )

    def get_shown_status_display(self) -> str:
        """Return the label of the status that the request shows; of the stored one where the
        request was not read with `with_shown_status()`."""
        return str(Status(getattr(self, "shown_status", self.status)).label)

    @property
    def spec(self) -> KindSpec:
        """The rules of its kind."""
        return KINDS[self.kind]

    @property
    def target(self) -> Target:
        """What the request is about."""
        return Target(TargetType(self.target_type), self.target_id, self.target_name)

    @property
    def context(self) -> UnsubContext:
        """The context of the link that the request was made with."""
        return UnsubContext(
            mid=self.unit_id, subscriber=self.subscriber, job=self.job, scope=self.scope_value
        )

    @property
    def asked_at(self) -> datetime:
        """When the subscriber last made the request: the order of requests."""
        return self.repeated_at or self.received_at

    @property
    def scope_value(self) -> Scope:
        """The scope as the link gave it."""
        return Scope(self.scope)
