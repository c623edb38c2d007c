"""A unit's logo, and the one for the dark scheme, re-encoded by us."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class LogoImage(models.Model):
    """One small WebP image. Stored in the database, because all web processes share that, but no
    disk."""

    image = models.BinaryField(_("image"))
    # Not unique: two units may have the same picture.
    content_digest = models.CharField(max_length=32)
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))

    # The fields that are copied from an encoded image (unsub/domain/logo_image.py).
    WRITTEN = ("image", "content_digest", "width", "height")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"


class Logo(LogoImage):
    """The logo of a unit."""

    unit = models.OneToOneField(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="logo",
    )

    class Meta:
        verbose_name = _("logo")
        verbose_name_plural = _("logos")
        indexes = (models.Index(fields=("content_digest",), name="logo_content_digest"),)


class DarkLogo(LogoImage):
    """The logo of a unit that pages show instead of its logo in the dark scheme."""

    unit = models.OneToOneField(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="dark_logo",
    )

    class Meta:
        verbose_name = _("logo for dark mode")
        verbose_name_plural = _("logos for dark mode")
        indexes = (models.Index(fields=("content_digest",), name="dark_logo_content_digest"),)
