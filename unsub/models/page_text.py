"""A unit's own texts for its pages, per language."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit

LENGTH = 400


class Place(models.TextChoices):
    """The places for texts on the pages."""

    INTRO = "intro", _("above the button")
    QUESTION = "question", _("the question for the reason")
    DONE = "done", _("after the unsubscribe")
    CONSENT = "consent", _("what people agree to when they join a list")
    FOOTER = "footer", _("at the foot of every page")


class PageText(models.Model):
    """One text. It is plain text: HTML in it is escaped."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        related_name="texts",
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    place = models.CharField(_("place"), max_length=10, choices=Place.choices)
    text = models.CharField(_("text"), max_length=LENGTH)

    class Meta:
        ordering = ("unit", "language", "place")
        verbose_name = _("text")
        verbose_name_plural = _("texts")
        constraints = (
            models.UniqueConstraint(
                fields=("unit", "language", "place"), name="text_once_per_place_and_language"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_place_display()} ({self.language})"
