"""Alarms: one row for each cause and unit, while it lasts."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Cause(models.TextChoices):
    """Causes of alarms."""

    LATE = "late", _("requests are late")
    REFUSED = "refused", _("requests were refused")
    GIVEN_UP = "given_up", _("requests were given up")
    HELD = "held", _("a queue is held")
    CIRCUIT_OPEN = "circuit_open", _("a circuit is open")
    RESTORED = "restored", _("changes are held after a restore")
    UNKNOWN_UNIT = "unknown_unit", _("requests for an unknown business unit")
    BAD_CLAIM = "bad_claim", _("links with a claim that cannot be used")
    TEST_LINKS = "test_links", _("many test links")
    SPOOLED = "spooled", _("requests wait in the spool")
    DEAD_LETTER = "dead_letter", _("spooled requests could not be stored")
    LATE_CALL = "late_call", _("calls were made after their lease")
    INTERNAL_ERROR = "internal_error", _("requests cannot be processed")
    NOT_SEALED = "not_sealed", _("the audit is not sealed")


class Alarm(models.Model):
    """One cause in one business unit, from its detection to its end."""

    cause = models.CharField(_("cause"), max_length=20, choices=Cause.choices)
    mid = models.BigIntegerField(_("MID"))
    number = models.PositiveIntegerField(_("requests"), default=0)
    detail = models.CharField(_("detail"), max_length=100, blank=True)
    raised_at = models.DateTimeField(_("raised"), db_default=Now())
    notified_at = models.DateTimeField(_("notified"), null=True, blank=True)
    notified_number = models.PositiveIntegerField(_("requests when notified"), default=0)
    cleared_at = models.DateTimeField(_("over since"), null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = (
            models.UniqueConstraint(
                fields=("cause", "mid"), condition=models.Q(cleared_at=None), name="alarm_open_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.cause} {self.mid}"
