"""Notes on how a refused request was resolved by hand."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .request import SubscriberRequest


class ResolutionNote(models.Model):
    """One note of one user. It is part of the audit: notes are added, but never changed."""

    request = models.ForeignKey(
        SubscriberRequest,
        verbose_name=_("request"),
        on_delete=models.PROTECT,
        related_name="resolution_notes",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("handled by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    at = models.DateTimeField(_("date"), db_default=Now())
    note = models.CharField(_("note"), max_length=200)

    class Meta:
        ordering = ("pk",)
        verbose_name = _("resolved")
        verbose_name_plural = _("resolved")

    def __str__(self) -> str:
        return self.note
