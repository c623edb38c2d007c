"""The hold after a restore: while it is in force, only unsubscribes are sent."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class RestoreHoldQuerySet(models.QuerySet["RestoreHold"]):
    """Queries for holds."""

    def in_force(self) -> "RestoreHoldQuerySet":
        """Return the hold that is in force, if there is one."""
        return self.filter(released_at=None)


class RestoreHold(models.Model):
    """One hold, from a restore of the database until a user releases it.

    A backup does not know what was asked after it. Its open changes and emails could undo that, so
    they wait for a user; an unsubscribe is safe to repeat."""

    began_at = models.DateTimeField(_("restored"), db_default=Now())
    released_at = models.DateTimeField(_("released"), null=True, blank=True, editable=False)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("handled by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    objects = RestoreHoldQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("hold after a restore")
        verbose_name_plural = _("holds after a restore")
        constraints = (
            models.UniqueConstraint(
                models.Value(1), condition=Q(released_at=None), name="restore_hold_once"
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"
