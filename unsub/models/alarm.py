"""Alarms: one row for each cause and unit, or send, while it lasts, and what each channel was told
of it."""

from django.db import models
from django.db.models.functions import Now
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

DEPLOYMENT = 0  # in place of a MID: the alarm is about the deployment, not about a unit
NO_SEND = 0  # in place of a JobID: the alarm is not about a send


class Cause(models.TextChoices):
    """Causes of alarms."""

    LATE = "late", _("overdue requests")
    REFUSED = "refused", _("refused requests")
    GIVEN_UP = "given_up", _("requests that expired after 10 days")
    HELD = "held", _("queue on hold")
    CIRCUIT_OPEN = "circuit_open", _("Marketing Cloud isn’t responding")
    RESTORED = "restored", _("changes on hold after a restore")
    UNKNOWN_UNIT = "unknown_unit", _("requests for an unknown business unit")
    BAD_CLAIM = "bad_claim", _("links with an invalid claim")
    TEST_LINKS = "test_links", _("many test links opened")
    SPOOLED = "spooled", _("requests waiting in the spool")
    DEAD_LETTER = "dead_letter", _("spooled requests that can’t be stored")
    LATE_CALL = "late_call", _("calls made after their lease")
    INTERNAL_ERROR = "internal_error", _("requests that can’t be processed")
    NOT_SEALED = "not_sealed", _("audit not sealed")
    EXPORT_LATE = "export_late", _("scheduled export not written")
    BACKUP = "backup", _("no recent backup")
    WEBHOOK_FAILING = "webhook_failing", _("events not delivered to a webhook")
    WEBHOOK_DISABLED = "webhook_disabled", _("webhook disabled after failures")
    SPIKE = "unsubscribe_spike", _("far more unsubscribes than usual")
    SEND_SPIKE = "send_spike", _("far more unsubscribes from a send than usual")
    DATABASE = "database", _("database doesn’t accept writes")
    BROKER = "broker", _("broker doesn’t accept writes")
    BEAT = "beat", _("beat isn’t running")
    WORKER = "worker", _("workers aren’t responding")
    SWEEP = "sweep", _("sweeps don’t complete")
    WATCH = "watch", _("checks for alerts don’t complete")


# Found by the web processes, and about the deployment: what would find other alarms is down.
OUTAGES = (
    Cause.DATABASE, Cause.BROKER, Cause.BEAT, Cause.WORKER, Cause.SWEEP, Cause.WATCH,
)  # fmt: skip


class NotificationChannel(models.TextChoices):
    """Ways by which people are notified."""

    EMAIL = "email", _("email")
    WEBHOOK = "webhook", _("webhook")


class Alarm(models.Model):
    """One cause in one business unit, or of one of its sends, from its detection to its end."""

    cause = models.CharField(_("cause"), max_length=20, choices=Cause.choices)
    mid = models.BigIntegerField(_("MID"))
    job_id = models.BigIntegerField(_("JobID"), default=NO_SEND, db_default=NO_SEND)
    # Of alarms that count requests of certain days: the first of them, in the unit's time zone.
    first_day = models.DateField(_("counted from"), null=True, blank=True)
    number = models.PositiveIntegerField(_("requests"), default=0)
    detail = models.CharField(_("details"), max_length=100, blank=True)
    raised_at = models.DateTimeField(_("started"), db_default=Now())
    notified_at = models.DateTimeField(_("notified"), null=True, blank=True)
    cleared_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = (
            models.UniqueConstraint(
                fields=("cause", "mid", "job_id"),
                condition=models.Q(cleared_at=None),
                name="alarm_open_once",
            ),
        )

    def __str__(self) -> str:
        about = [f"JobID {self.job_id}"] if self.job_id else []
        about += [str(self.mid)] if self.mid != DEPLOYMENT else []
        return f"{self.title} ({', '.join(about)})" if about else self.title

    @property
    def title(self) -> str:
        """What is wrong, as a heading."""
        return capfirst(str(self.get_cause_display()))


class AlarmNotification(models.Model):
    """What one channel was told of one alarm.

    A time is written only when the channel has accepted the message, so what could not be sent is
    due again. `next_try_at` is the claim of the process that is sending, and the wait after a
    failure."""

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="notifications")
    channel = models.CharField(max_length=10, choices=NotificationChannel.choices)
    next_try_at = models.DateTimeField(db_default=Now())
    failures = models.PositiveSmallIntegerField(default=0)
    notified_at = models.DateTimeField(null=True)
    notified_number = models.PositiveIntegerField(default=0)
    end_notified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("alarm", "channel"), name="alarm_notification_once"),
        )

    def __str__(self) -> str:
        return f"{self.channel} of {self.alarm_id}"
