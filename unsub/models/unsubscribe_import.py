"""Imports of unsubscribes from CSV files: the file, how it is read, and what became of its rows."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from unsub.domain.context import Scope
from unsub.domain.digest_keys import LENGTH as DIGEST_LENGTH

from .business_unit import BusinessUnit


class ImportStatus(models.TextChoices):
    """How far an import is."""

    UPLOADED = "uploaded", _("uploaded")
    CHECKING = "checking", _("being checked")
    CHECKED = "checked", _("checked")
    IMPORTING = "importing", _("being imported")
    DONE = "done", _("imported")
    CANCELLED = "cancelled", _("cancelled")


# A worker has something to do for these.
ACTIVE = (ImportStatus.CHECKING, ImportStatus.IMPORTING)
ENDED = (ImportStatus.DONE, ImportStatus.CANCELLED)


class UnsubscribeImport(models.Model):
    """One uploaded file. The row names no subscriber: the file does, sealed, in `ImportPart`, until
    the import ends. The numbers are those of the last check until the import begins."""

    unit = models.ForeignKey(
        BusinessUnit, verbose_name=_("business unit"), on_delete=models.CASCADE, db_column="mid"
    )
    status = models.CharField(
        _("status"), max_length=10, choices=ImportStatus.choices, default=ImportStatus.UPLOADED
    )
    created_at = models.DateTimeField(_("uploaded"), db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("uploaded by"), on_delete=models.SET_NULL,
        null=True, related_name="+",
    )  # fmt: skip
    started_at = models.DateTimeField(_("started"), null=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("started by"), on_delete=models.SET_NULL,
        null=True, related_name="+",
    )  # fmt: skip
    finished_at = models.DateTimeField(_("finished"), null=True)
    # Keyed, of the whole file: the same file of a unit is known again.
    content_digest = models.CharField(max_length=DIGEST_LENGTH)
    # For rows without a time: when this file was first started in this unit.
    default_time = models.DateTimeField(_("time of rows without one"), null=True)

    size = models.PositiveIntegerField(_("size in bytes"))
    encoding = models.CharField(_("encoding"), max_length=12)
    mark = models.PositiveSmallIntegerField(default=0)  # bytes of the byte order mark
    delimiter = models.CharField(_("delimiter"), max_length=1)
    has_header = models.BooleanField(_("first line has names"))
    columns = models.JSONField(_("columns"), default=dict)  # {field: number of the column, from 0}
    scope = models.CharField(
        _("scope"), max_length=4, choices=[(one.value, one.value) for one in Scope],
        default=Scope.LIST.value,
    )  # fmt: skip

    # How far it was read: lines, and bytes of the file.
    line = models.PositiveIntegerField(default=0)
    offset = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    accepted = models.PositiveIntegerField(_("new requests"), default=0)
    repeated = models.PositiveIntegerField(_("already requested"), default=0)
    erased = models.PositiveIntegerField(_("deleted subscribers"), default=0)
    refused = models.PositiveIntegerField(_("rows with an error"), default=0)

    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("import of unsubscribes")
        verbose_name_plural = _("imports of unsubscribes")
        default_permissions = ("view",)
        permissions = (("import_unsubscribes", "Can import unsubscribes from files"),)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("unit", "content_digest"), name="import_same_file")
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_active(self) -> bool:
        """Whether a worker has something to do."""
        return self.status in ACTIVE

    @property
    def is_ended(self) -> bool:
        """Whether the import is over, and its file deleted."""
        return self.status in ENDED


class ImportPart(models.Model):
    """A part of an uploaded file, sealed with a digest key. Deleted when the import ends."""

    of = models.ForeignKey(UnsubscribeImport, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("of", "number"), name="import_part_once"),)

    def __str__(self) -> str:
        return f"{self.of_id}.{self.number}"


class ImportProblem(models.Model):
    """Why a row is not imported. Has no value of the row."""

    of = models.ForeignKey(UnsubscribeImport, on_delete=models.CASCADE, related_name="problems")
    line = models.PositiveIntegerField()
    field = models.CharField(max_length=20, blank=True)
    problem = models.CharField(max_length=30)

    class Meta:
        ordering = ("line", "pk")

    def __str__(self) -> str:
        return f"{self.of_id}: {self.line}"
