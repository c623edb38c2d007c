"""Weekly digests that were sent."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class WeeklyDigest(models.Model):
    """The digest of one unit for the week that begins on `week`, a Monday. `sent_at` is empty until
    a mail server has accepted it."""

    unit = models.ForeignKey(
        BusinessUnit, verbose_name=_("business unit"), on_delete=models.CASCADE, related_name="+"
    )
    week = models.DateField(_("week"))
    requested_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        verbose_name = _("weekly summary")
        verbose_name_plural = _("weekly summaries")
        constraints = (models.UniqueConstraint(fields=("unit", "week"), name="weekly_digest_once"),)

    def __str__(self) -> str:
        return f"{self.unit_id} {self.week}"
