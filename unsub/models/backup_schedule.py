"""How often backups are made, and when the last one was completed."""

from django.db import models
from django.db.models.functions import Now


class BackupSchedule(models.Model):
    """One row, as long as there is a schedule. Written by deploy/backup/backup.sh, in SQL."""

    every_seconds = models.PositiveIntegerField()
    began_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"every {self.every_seconds} s"
