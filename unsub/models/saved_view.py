"""Views of the admin's lists that users save: filters, sorting, columns and page size."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class ListPage(models.TextChoices):
    """A list that has saved views."""

    REQUESTS = "requests", _("Requests")
    SENDS = "sends", _("Sends")


class SavedView(models.Model):
    """A view of one list. `parameters` are validated when it is saved, and again when it is opened:
    they only narrow what its reader may see."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        related_name="saved_views",
    )
    page = models.CharField(_("list"), max_length=10, choices=ListPage.choices)
    name = models.CharField(_("name"), max_length=60)
    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("shared with"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    parameters = models.JSONField(default=dict)

    class Meta:
        ordering = ("name", "pk")
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = (
            models.UniqueConstraint(fields=("owner", "page", "name"), name="saved_view_name"),
        )

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view in which a list opens for one user."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="default_views"
    )
    page = models.CharField(max_length=10, choices=ListPage.choices)
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="default_of")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "page"), name="default_view_once"),)

    def __str__(self) -> str:
        return f"{self.page} {self.view_id}"
