"""A unit's lists: what Marketing Cloud says of them, and what recipients read."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit

NAME_LENGTH, DESCRIPTION_LENGTH = 100, 200
# Lists that nobody has ordered come last, by name.
LAST = 1000
NO_RIGHT = "no right"  # the error where the installed package may not read lists


class MailingList(models.Model):
    """One list, with the name that recipients read. The page says "this list" about a list without
    a row.

    Rows of publication lists are made by a task (`unsub/gateway/stored_lists.py`). `name` and
    `description` are those of Marketing Cloud until the unit chooses others.
    """

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        related_name="mailing_lists",
    )
    list_id = models.BigIntegerField(_("ListID"), validators=[MinValueValidator(1)])
    name = models.CharField(
        _("name"),
        max_length=NAME_LENGTH,
        help_text=_("As recipients know it, like Weekly offers. Also per language."),
    )
    description = models.CharField(
        _("description"),
        max_length=DESCRIPTION_LENGTH,
        blank=True,
        db_default="",
        help_text=_("One sentence: what it is about and how often, like Every Friday."),
    )
    offered = models.BooleanField(
        _("offered"),
        default=True,
        db_default=True,
        help_text=_(
            "Recipients can subscribe in the preference center. If off, only those who are "
            "subscribed see it, and can unsubscribe."
        ),
    )
    position = models.PositiveSmallIntegerField(_("order"), default=LAST, db_default=LAST)
    # As read from Marketing Cloud.
    found_name = models.CharField(max_length=NAME_LENGTH, blank=True, db_default="", editable=False)
    found_description = models.CharField(
        max_length=DESCRIPTION_LENGTH, blank=True, db_default="", editable=False
    )
    # A publication list: the profile centre shows no others.
    is_public = models.BooleanField(default=False, db_default=False, editable=False)
    # Since when Marketing Cloud does not have it any more.
    missing_since = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("unit", "position", "name")
        verbose_name = _("mailing list")
        verbose_name_plural = _("mailing lists")
        constraints = (
            models.UniqueConstraint(fields=("unit", "list_id"), name="mailing_list_once_per_unit"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.list_id})"


class MailingListText(models.Model):
    """Name and description of a list in another language. Where one is empty, the list's own is
    shown."""

    mailing_list = models.ForeignKey(
        MailingList,
        verbose_name=_("mailing list"),
        on_delete=models.CASCADE,
        related_name="texts",
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    name = models.CharField(_("name"), max_length=NAME_LENGTH, blank=True)
    description = models.CharField(_("description"), max_length=DESCRIPTION_LENGTH, blank=True)

    class Meta:
        ordering = ("language",)
        verbose_name = _("translation of a mailing list")
        verbose_name_plural = _("translations of mailing lists")
        constraints = (
            models.UniqueConstraint(
                fields=("mailing_list", "language"), name="list_text_once_per_language"
            ),
        )

    def __str__(self) -> str:
        return self.name


class CatalogueState(models.Model):
    """When the lists of a unit were last read from Marketing Cloud, and the error of the last
    attempt. A unit without such a row was never asked for.

    A row of its own, as QueueState: saving the unit's form writes every column of the unit.
    """

    # No constraint, as in QueueState.
    unit = models.OneToOneField(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        db_column="mid",
        related_name="catalogue_state",
    )
    read_at = models.DateTimeField(_("lists read"), null=True, blank=True)
    # The name of the error of the last attempt; empty where it succeeded.
    error = models.CharField(_("error"), max_length=100, blank=True, db_default="")

    class Meta:
        verbose_name = _("state of a unit's lists")
        verbose_name_plural = _("states of units' lists")

    def __str__(self) -> str:
        return f"lists of {self.unit_id}"


def catalogue_of(unit: BusinessUnit) -> CatalogueState:
    """Return the state of a unit's lists; an empty one, not saved, where none is recorded. Makes a
    query where the unit was read without `select_related("catalogue_state")`."""
    found: CatalogueState | None = getattr(unit, "catalogue_state", None)
    return found or CatalogueState(unit=unit, error="")
