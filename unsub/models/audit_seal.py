"""Seals of the audit: a chain of digests over requests that have ended and attempts that were made
(docs/adr/0028-seals-of-the-audit.md)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from unsub.domain.digest_keys import ID_MAX


class SealedTable(models.TextChoices):
    """What a seal covers."""

    REQUESTS = "requests", _("requests")
    ATTEMPTS = "attempts", _("attempts")


class AuditSeal(models.Model):
    """One seal: the digests of a batch of rows, and the keyed digest of the seal before it.

    Append-only, by trigger. `first_id` and `last_id` are the range of the batch: of attempts it
    holds every row, of requests those that had ended."""

    number = models.BigIntegerField(primary_key=True)
    table = models.CharField(max_length=10, choices=SealedTable.choices)
    rows = models.PositiveIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    # One after the other: ids of 8 bytes, and SHA-256 of what is final of each row, and of what an
    # erasure may remove.
    ids = models.BinaryField()
    final = models.BinaryField()
    personal = models.BinaryField()
    key = models.CharField(max_length=ID_MAX)
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"#{self.number}"


class SealCursor(models.Model):
    """How far one source of rows is sealed. A hint for the next run: rows that a wrong one leaves
    out are reported by the verification."""

    # A MID, `attempts`, `imports`; or `run`, with the time of the last complete run.
    source = models.CharField(max_length=20, primary_key=True)
    upto_at = models.DateTimeField(null=True)
    upto_id = models.BigIntegerField(default=0)
    # The highest id at a time: once every transaction from before it has ended, no lower id can
    # appear.
    seen_at = models.DateTimeField(null=True)
    seen_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.source
