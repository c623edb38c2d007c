"""What Marketing Cloud says of a job: which email was sent, when, and to how many."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class Send(models.Model):
    """The email of one job, read from Marketing Cloud (`gateway/sends.py`). A job that it does not
    know has a row with nothing but its number."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        related_name="sends",
    )
    job_id = models.BigIntegerField(_("JobID"))
    email_name = models.CharField(_("email"), max_length=200, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    number_sent = models.PositiveBigIntegerField(_("sent to"), null=True, blank=True)
    number_delivered = models.PositiveBigIntegerField(_("delivered to"), null=True, blank=True)
    read_at = models.DateTimeField(_("read"))

    class Meta:
        ordering = ("-job_id",)
        verbose_name = _("send")
        verbose_name_plural = _("sends")
        constraints = (
            models.UniqueConstraint(fields=("unit", "job_id"), name="send_once_per_unit"),
        )
        indexes = (models.Index(fields=("unit", "-sent_at"), name="send_newest"),)

    def __str__(self) -> str:
        return self.email_name or f"Job {self.job_id}"
