"""That somebody wants no mail for a while: they left, and are asked back, or put back, in time."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .business_unit import PauseEndAction
from .request import SubscriberRequest


class PauseResult(models.TextChoices):
    """How a pause ended."""

    ASKED = "asked", _("asked back by mail")
    PUT_BACK = "put_back", _("put back")
    CANCELLED = "cancelled", _("came back before its end")
    STAYED = "stayed", _("stays away")


class Pause(models.Model):
    """One pause of a person from the list, or the everything, that `request` left."""

    request = models.OneToOneField(
        SubscriberRequest,
        verbose_name=_("request"),
        on_delete=models.PROTECT,
        related_name="pause",
    )
    began_at = models.DateTimeField(_("began"), db_default=Now())
    until = models.DateTimeField(_("until"))
    # As the unit had it when the person chose: what they were told holds.
    end_action = models.CharField(_("then they are"), max_length=10, choices=PauseEndAction.choices)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    result = models.CharField(_("how"), max_length=10, blank=True, choices=PauseResult.choices)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        indexes = (
            models.Index(
                fields=("until",), condition=models.Q(ended_at__isnull=True), name="pause_running"
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"
