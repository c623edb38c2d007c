"""Scheduled exports of the audit: what is exported when, and each file."""

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit, validate_time_zone


class ExportFormat(models.TextChoices):
    """How rows are written."""

    CSV = "csv", _("CSV")
    JSONL = "jsonl", _("JSON lines")


class Frequency(models.TextChoices):
    """How often a file is written."""

    HOURLY = "hourly", _("every hour")
    DAILY = "daily", _("every day")


class ExportPlan(models.Model):
    """A scheduled export. `upto_at` and `upto_id` say what its files have so far: the requests that
    ended until then, and the imported events up to that id."""

    unit = models.ForeignKey(
        BusinessUnit, verbose_name=_("business unit"), on_delete=models.CASCADE, null=True,
        blank=True, db_column="mid", help_text=_("Empty: all business units."),
    )  # fmt: skip
    active = models.BooleanField(_("active"), default=True)
    format = models.CharField(
        _("format"), max_length=5, choices=ExportFormat.choices, default=ExportFormat.CSV
    )
    frequency = models.CharField(
        _("frequency"), max_length=6, choices=Frequency.choices, default=Frequency.DAILY
    )
    hour = models.PositiveSmallIntegerField(
        _("hour"), default=2, validators=[MaxValueValidator(23)],
        help_text=_("Of daily exports, 0 to 23, in this time zone."),
    )  # fmt: skip
    time_zone = models.CharField(
        _("time zone"), max_length=50, default="UTC", validators=[validate_time_zone]
    )
    named = models.BooleanField(
        _("with subscribers"), default=False,
        help_text=_("Adds SubscriberID, SubscriberKey and address, as the link carried them."),
    )  # fmt: skip
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("created by"), on_delete=models.SET_NULL,
        null=True, editable=False, related_name="+",
    )  # fmt: skip
    next_at = models.DateTimeField(_("next"), editable=False)
    upto_at = models.DateTimeField(_("exported up to"), null=True, editable=False)
    upto_id = models.BigIntegerField(default=0, editable=False)
    # As SealCursor: the highest id at a time, and the one below which no row can appear any more.
    seen_at = models.DateTimeField(null=True, editable=False)
    seen_id = models.BigIntegerField(default=0, editable=False)
    safe_id = models.BigIntegerField(default=0, editable=False)

    class Meta:
        ordering = ("pk",)
        verbose_name = _("scheduled export")
        verbose_name_plural = _("scheduled exports")

    def __str__(self) -> str:
        return f"#{self.pk}"


class ExportRun(models.Model):
    """One file of an export: the requests that ended after `since`, up to `until`, and the imported
    events with an id after `events_after`, up to `events_upto`. Both are fixed when the run is
    made, so that a repetition writes the same file."""

    plan = models.ForeignKey(
        ExportPlan, verbose_name=_("scheduled export"), on_delete=models.CASCADE,
        related_name="runs",
    )  # fmt: skip
    created_at = models.DateTimeField(_("due"), db_default=Now())
    since = models.DateTimeField(_("ended after"), null=True)
    until = models.DateTimeField(_("ended until"))
    events_after = models.BigIntegerField()
    events_upto = models.BigIntegerField()
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), db_default=Now())
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    error = models.CharField(_("error"), max_length=100, blank=True, default="")
    finished_at = models.DateTimeField(_("written"), null=True)
    name = models.CharField(_("file"), max_length=100, blank=True, default="")
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, default="")

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        indexes = (
            models.Index(
                fields=("plan",), condition=models.Q(finished_at=None), name="export_run_open"
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk}"
