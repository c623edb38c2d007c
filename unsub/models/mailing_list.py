"""Names of a unit's lists, as recipients know them."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class MailingList(models.Model):
    """The name of one list. The page says "this list" about a list without one."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        related_name="mailing_lists",
    )
    list_id = models.BigIntegerField(_("ListID"), validators=[MinValueValidator(1)])
    name = models.CharField(
        _("name"),
        max_length=100,
        help_text=_("As recipients know it, like Weekly offers. Also per language."),
    )

    class Meta:
        ordering = ("unit", "name")
        verbose_name = _("mailing list")
        verbose_name_plural = _("mailing lists")
        constraints = (
            models.UniqueConstraint(fields=("unit", "list_id"), name="mailing_list_once_per_unit"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.list_id})"
