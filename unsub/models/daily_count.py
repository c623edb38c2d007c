"""Daily counts of requests, refreshed by a task, so that reports need not scan all requests."""

from django.db import models
from django.utils.translation import gettext_lazy as _

NONE = ""  # the key of requests without a job, list or reason


class By(models.TextChoices):
    """The properties that requests are counted by.

    Each unsubscribe is counted once for every property, under NONE where it has no value for it.
    One that was withdrawn, superseded or never confirmed was not carried out, and is counted by
    state alone. Requests of other kinds that were carried out are counted by their kind alone.

    JOB_REASON counts those with both, under both (`job_reason_key`): the others are the difference.
    """

    STATE = "state", _("status")
    CHANNEL = "channel", _("channel")
    JOB = "job", _("send")
    LIST = "list", _("mailing list")
    REASON = "reason", _("reason")
    KIND = "kind", _("type")
    JOB_REASON = "job_reason", _("send and reason")


def job_reason_key(job: str | int, reason: str | int) -> str:
    """Return the key of the unsubscribes of one job with one reason."""
    return f"{job}:{reason}"


class DailyCount(models.Model):
    """Number of requests of one unit and one value that were received on one day, in the time
    zone of the unit.

    One property per row: counting by all properties at once would give nearly as many rows as
    requests.
    """

    day = models.DateField(_("day"))
    mid = models.BigIntegerField(_("MID"))
    by = models.CharField(_("grouped by"), max_length=10, choices=By.choices)
    key = models.CharField(_("value"), max_length=40, blank=True)
    number = models.PositiveIntegerField(_("requests"))

    class Meta:
        verbose_name = _("daily count")
        verbose_name_plural = _("daily counts")
        constraints = (
            models.UniqueConstraint(fields=("by", "day", "mid", "key"), name="daily_count_once"),
        )
        # All days of a job: its total, and what it is compared with.
        indexes = (
            models.Index(
                fields=("key", "day"),
                condition=models.Q(by__in=("job", "job_reason")),
                name="daily_count_of_job",
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.mid} {self.by} {self.key}: {self.number}"


class CountCursor(models.Model):
    """The time up to which the daily counts are current. Its one row is locked while a process
    counts."""

    upto = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.upto)


class CountedZone(models.Model):
    """The time zone by which the days of one unit are counted, and the day before which they are
    still counted by another one; None where there is none."""

    mid = models.BigIntegerField(primary_key=True)
    time_zone = models.CharField(max_length=40)
    left_before = models.DateField(null=True)

    def __str__(self) -> str:
        return f"{self.mid}: {self.time_zone}"
