"""A pause: the subscriber is unsubscribed for a while, and at the end is asked whether to subscribe
again, or is subscribed again."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .business_unit import PauseEndAction
from .request import SubscriberRequest


class PauseResult(models.TextChoices):
    """How a pause ended."""

    ASKED = "asked", _("asked by email")
    PUT_BACK = "put_back", _("resubscribed automatically")
    CANCELLED = "cancelled", _("ended early")
    STAYED = "stayed", _("unsubscribed")
    OVERRIDDEN = "overridden", _("overridden by a later request")


class Pause(models.Model):
    """One pause of a subscriber, from the list, or from everything, that `request` unsubscribed
    from."""

    request = models.OneToOneField(
        SubscriberRequest,
        verbose_name=_("request"),
        on_delete=models.PROTECT,
        related_name="pause",
    )
    # When the subscriber last asked for it, which may be later than the request.
    began_at = models.DateTimeField(_("started"), db_default=Now())
    until = models.DateTimeField(_("until"))
    # The unit's setting when the subscriber chose the pause: it ends as they were told.
    end_action = models.CharField(_("when it ends"), max_length=10, choices=PauseEndAction.choices)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    result = models.CharField(_("ended by"), max_length=10, blank=True, choices=PauseResult.choices)

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
