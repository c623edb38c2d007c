"""One call for one due row. Inserted before the call, completed after it, then final."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.call_method import CallMethod
from unsub.domain.outcomes import Outcome

from .link_email import LinkEmail
from .request import SubscriberRequest


class DeliveryAttempt(models.Model):
    """One call for one request or one email with a link: its time and Marketing Cloud's answer."""

    request = models.ForeignKey(
        SubscriberRequest,
        verbose_name=_("request"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="delivery_attempts",
    )
    link_email = models.ForeignKey(
        LinkEmail,
        verbose_name=_("email with a link"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # `attempt_of_email_number_once` begins with it
        related_name="delivery_attempts",
    )
    number = models.PositiveIntegerField(_("attempt"))
    lease = models.UUIDField(_("lease"), editable=False)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    outcome = models.CharField(
        _("outcome"),
        max_length=30,
        blank=True,
        choices=[(outcome.value, outcome.value) for outcome in Outcome],
    )
    status_code = models.CharField(_("status code"), max_length=40, blank=True)
    error_code = models.BigIntegerField(_("error code"), null=True, blank=True)
    detail = models.CharField(_("details"), max_length=200, blank=True)
    sfmc_request_id = models.CharField(_("Marketing Cloud request ID"), max_length=64, blank=True)
    call_method = models.CharField(
        _("call"),
        max_length=12,
        blank=True,
        db_default="",
        choices=[(one.value, one.value) for one in CallMethod],
        help_text=_("How an unsubscribe was sent."),
    )
    # For a call whose worker had lost its lease: when its reply came, and what it said. By then the
    # attempt was completed as unknown.
    late_at = models.DateTimeField(_("late response"), null=True, blank=True)
    late_outcome = models.CharField(
        _("outcome of the late response"), max_length=30, blank=True, db_default=""
    )
    batch_size = models.PositiveSmallIntegerField(_("batch size"), default=1)

    class Meta:
        ordering = ("request", "number")
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        constraints = (
            models.UniqueConstraint(fields=("request", "number"), name="attempt_number_once"),
            models.UniqueConstraint(
                fields=("link_email", "number"),
                condition=models.Q(link_email__isnull=False),
                name="attempt_of_email_number_once",
            ),
            models.CheckConstraint(
                condition=models.Q(request__isnull=False, link_email__isnull=True)
                | models.Q(request__isnull=True, link_email__isnull=False),
                name="attempt_is_of_a_request_or_an_email",
            ),
        )
        indexes = (
            models.Index(
                fields=("late_at",),
                condition=models.Q(late_at__isnull=False),
                name="attempt_late",
            ),
        )

    def __str__(self) -> str:
        return f"#{self.request_id or self.link_email_id} / {self.number}"
