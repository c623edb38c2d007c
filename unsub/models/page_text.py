"""A unit's own texts for its pages, per language."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit

LENGTH = 400


class Place(models.TextChoices):
    """The places for texts on the pages."""

    INTRO = "intro", _("Above the button")
    QUESTION = "question", _("Reason question")
    DONE = "done", _("After unsubscribing")
    CONSENT = "consent", _("Consent text")
    FOOTER = "footer", _("Footer")


class PageText(models.Model):
    """One text. It is plain text: HTML in it is escaped."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        related_name="texts",
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    place = models.CharField(_("position on page"), max_length=10, choices=Place.choices)
    text = models.CharField(_("text"), max_length=LENGTH)
    changed_at = models.DateTimeField(_("changed"), db_default=Now(), editable=False)
    # Of the default text at that place and in that language, when this one was written.
    standard_digest = models.CharField(max_length=16, blank=True, db_default="", editable=False)

    class Meta:
        ordering = ("unit", "language", "place")
        verbose_name = _("text")
        verbose_name_plural = _("page texts")
        constraints = (
            models.UniqueConstraint(
                fields=("unit", "language", "place"), name="text_once_per_place_and_language"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_place_display()} ({self.language})"
