"""Consent texts: what people agreed to by subscribing, exactly as the page showed it."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class ConsentText(models.Model):
    """One version of a consent text in one language. Inserted with the first request that agrees to
    it, and never changed: a changed text is a new version."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.PROTECT,
        db_constraint=False,
        related_name="consent_texts",
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    text = models.CharField(_("text"), max_length=500)
    text_digest = models.CharField(max_length=64, editable=False)
    first_used_at = models.DateTimeField(_("first used"), db_default=Now())

    class Meta:
        ordering = ("unit", "pk")
        verbose_name = _("consent text")
        verbose_name_plural = _("consent texts")
        constraints = (
            models.UniqueConstraint(
                fields=("unit", "language", "text_digest"), name="consent_text_once"
            ),
        )

    def __str__(self) -> str:
        return _("Version %(number)s: %(text)s") % {"number": self.pk, "text": self.text}
