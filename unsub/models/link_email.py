"""Emails with a link, which Marketing Cloud sends by the unit's triggered send definitions."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit
from .deliverable import Deliverable
from .pause import Pause
from .request import SubscriberRequest


class Purpose(models.TextChoices):
    """What the link in an email is for."""

    CONFIRM = "confirm", _("confirmation")
    NEW_LINK = "new_link", _("new link")
    ASK_BACK = "ask_back", _("pause ended")
    # Both go to the address on file, while it still is.
    CONSENT = "consent", _("consent to a new address")
    NOTICE = "notice", _("notice of a new address")


class EmailStatus(models.TextChoices):
    """The status of an email. Done: Marketing Cloud accepted it for sending. Cancelled: never sent,
    because it was no longer needed."""

    PENDING = "pending", _("pending")
    SENDING = "sending", _("sending")
    DONE = "done", _("sent")
    REFUSED = "refused", _("refused")
    CANCELLED = "cancelled", _("canceled")


ENDED = (EmailStatus.DONE, EmailStatus.REFUSED, EmailStatus.CANCELLED)
NOT_ENDED = (EmailStatus.PENDING, EmailStatus.SENDING)


class LinkEmail(Deliverable):
    """One email with a link. What it is for never changes, by a trigger as in SubscriberRequest;
    the delivery fields do."""

    # Without a constraint, as in SubscriberRequest: the MID need not be a BusinessUnit (yet).
    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_column="mid",
        related_name="link_emails",
    )
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    request = models.ForeignKey(
        SubscriberRequest,
        verbose_name=_("request"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="link_emails",
    )
    pause = models.ForeignKey(
        Pause,
        verbose_name=_("pause"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="link_emails",
    )
    status = models.CharField(
        _("status"), max_length=10, choices=EmailStatus.choices, default=EmailStatus.PENDING
    )
    # Set while this row answers for a repeated request for the email; else NULL, of which a unique
    # column takes any number. As in SubscriberRequest, unique by a constraint.
    idempotency_key = models.CharField(  # noqa: DJ001
        max_length=160, null=True, editable=False
    )

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("email with a link")
        verbose_name_plural = _("emails with links")
        constraints = (
            models.UniqueConstraint(
                fields=("idempotency_key",), name="link_email_idempotency_key_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    purpose__in=(Purpose.CONFIRM, Purpose.CONSENT, Purpose.NOTICE),
                    request__isnull=False,
                    pause__isnull=True,
                )
                | Q(purpose=Purpose.ASK_BACK, request__isnull=True, pause__isnull=False)
                | Q(purpose=Purpose.NEW_LINK, request__isnull=True, pause__isnull=True),
                name="link_email_refers_to_what_it_is_for",
            ),
            models.CheckConstraint(
                condition=Q(subscriber_id__isnull=False)
                | ~Q(subscriber_key="")
                | ~Q(email_address="")
                | Q(forgotten_at__isnull=False),
                name="link_email_names_a_subscriber",
            ),
            models.CheckConstraint(
                condition=Q(
                    status=EmailStatus.SENDING,
                    lease__isnull=False,
                    lease_until__isnull=False,
                    attempts__gt=0,
                )
                | (
                    ~Q(status=EmailStatus.SENDING) & Q(lease__isnull=True, lease_until__isnull=True)
                ),
                name="link_email_sending_has_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(status__in=ENDED, finished_at__isnull=False)
                | Q(status__in=NOT_ENDED, finished_at__isnull=True),
                name="link_email_ended_has_finished_at",
            ),
            models.CheckConstraint(
                condition=~Q(status=EmailStatus.DONE) | ~Q(outcome="") & Q(attempts__gt=0),
                name="link_email_done_has_an_outcome",
            ),
        )
        indexes = (
            models.Index(
                fields=("unit", "next_attempt_at"),
                condition=Q(status="pending"),
                name="link_email_due",
            ),
            models.Index(
                fields=("lease_until",), condition=Q(status="sending"), name="link_email_leased"
            ),
            models.Index(
                fields=("unit", "finished_at"),
                condition=Q(status="refused"),
                name="link_email_refused",
            ),
            # Of those whose message raised an error here, for the alarm.
            models.Index(
                fields=("unit",),
                condition=Q(status="pending", outcome="internal_error"),
                name="link_email_failing",
            ),
            models.Index(fields=("subscriber_digest",), name="link_email_person"),
            models.Index(
                fields=("unit", "finished_at"),
                condition=Q(forgotten_at__isnull=True, finished_at__isnull=False),
                name="link_email_kept_in_clear",
            ),
        )
