"""One call that we made for one wish. Written before the call, completed after it, then final."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.outcomes import Outcome

from .request import UnsubRequest


class DeliveryAttempt(models.Model):
    """One LogUnsubEvent for one request: when, and what Marketing Cloud said."""

    request = models.ForeignKey(
        UnsubRequest,
        verbose_name=_("request"),
        on_delete=models.PROTECT,
        related_name="delivery_attempts",
    )
    number = models.PositiveIntegerField(_("number"))
    lease = models.UUIDField(_("lease"), editable=False)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    outcome = models.CharField(
        _("outcome"),
        max_length=20,
        blank=True,
        choices=[(outcome.value, outcome.value) for outcome in Outcome],
    )
    status_code = models.CharField(_("status code"), max_length=40, blank=True)
    error_code = models.IntegerField(_("error code"), null=True, blank=True)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    sfmc_request_id = models.CharField(_("Marketing Cloud request ID"), max_length=64, blank=True)
    batch_size = models.PositiveSmallIntegerField(_("requests in the message"), default=1)

    class Meta:
        ordering = ("request", "number")
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        constraints = (
            models.UniqueConstraint(fields=("request", "number"), name="attempt_number_once"),
        )

    def __str__(self) -> str:
        return f"#{self.request_id} / {self.number}"
