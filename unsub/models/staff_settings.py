"""What a user of the admin has chosen for themself."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import validate_time_zone


class StaffSettings(models.Model):
    """The settings of one user. Without a row, or with an empty value, the default holds."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="staff_settings",
    )
    time_zone = models.CharField(
        _("time zone"), max_length=40, blank=True, validators=[validate_time_zone]
    )

    def __str__(self) -> str:
        return str(self.user_id)
