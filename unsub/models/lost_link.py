"""Entries of the lost-link form."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.digest_keys import LENGTH as DIGEST_LENGTH

from .business_unit import BusinessUnit


class LostLink(models.Model):
    """One submitted address. It does not prove who submitted it, so it has no effect until a
    marketer handles it. Deleted some time after that (unsub/outbox/retention.py)."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        related_name="lost_links",
    )
    email_address = models.EmailField(_("email address"), max_length=254)
    # Limits an address to one entry a day, ignoring case: see unsub/outbox/lost_links.py.
    address_digest = models.CharField(max_length=DIGEST_LENGTH, editable=False)
    language = models.CharField(_("language"), max_length=35, blank=True)
    received_at = models.DateTimeField(_("received"), db_default=Now())
    handled_at = models.DateTimeField(_("resolved"), null=True, blank=True, editable=False)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("handled by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("manual request")
        verbose_name_plural = _("manual requests")
        indexes = (
            models.Index(fields=("unit", "address_digest", "received_at"), name="lost_link_same"),
            models.Index(fields=("unit", "received_at"), name="lost_link_received"),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"
