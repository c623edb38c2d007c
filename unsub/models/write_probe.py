"""The table by which `infra/write_probe.py` finds out whether the database takes writes."""

from django.db import models


class WriteProbe(models.Model):
    """Always empty: a probe inserts a row and deletes it in one transaction."""

    filler = models.TextField()

    def __str__(self) -> str:
        return f"#{self.pk}"
