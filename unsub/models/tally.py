"""Numbers of requests by day, kept up by a task, so that nobody counts millions of rows to look."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class By(models.TextChoices):
    """What a tally counts by. Each unsubscribe counts once in each that it has a value for; one
    that was withdrawn counts by state alone, for it was none. Wishes of the other kinds count by
    their kind and by nothing else, once they are confirmed."""

    STATE = "state", _("state")
    CHANNEL = "channel", _("channel")
    JOB = "job", _("job")
    LIST = "list", _("list")
    REASON = "reason", _("reason")
    KIND = "kind", _("kind")


class DailyTally(models.Model):
    """How many requests of one unit and value were received on one day (UTC). By one thing at a
    time: by all at once there would be nearly as many rows as requests."""

    day = models.DateField(_("day"))
    mid = models.BigIntegerField(_("MID"))
    by = models.CharField(_("by"), max_length=10, choices=By.choices)
    key = models.CharField(_("value"), max_length=20)
    number = models.PositiveIntegerField(_("requests"))

    class Meta:
        verbose_name = _("daily tally")
        verbose_name_plural = _("daily tallies")
        constraints = (
            models.UniqueConstraint(fields=("by", "day", "mid", "key"), name="tally_once"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.mid} {self.by} {self.key}: {self.number}"


class TallyMark(models.Model):
    """Until when the tallies are right: one row, locked by whoever counts."""

    upto = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.upto)
