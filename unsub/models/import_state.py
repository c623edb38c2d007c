"""The state of a business unit's import of events, as recorded by the workers."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class ImportState(models.Model):
    """Up to when one unit's events were imported, and what went wrong last. A unit without such a
    row has not imported anything yet.

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
        related_name="import_state",
    )
    imported_upto = models.DateTimeField(_("imported up to"), null=True, blank=True)
    # The name of the error of the last import; empty where it succeeded.
    error = models.CharField(_("import error"), max_length=100, blank=True, db_default="")

    class Meta:
        verbose_name = _("state of an import")
        verbose_name_plural = _("states of imports")

    def __str__(self) -> str:
        return f"import of {self.unit_id}"


def import_of(unit: BusinessUnit) -> ImportState:
    """Return the state of a unit's import; an empty one, not saved, where none is recorded. Makes a
    query where the unit was read without `select_related("import_state")`."""
    found: ImportState | None = getattr(unit, "import_state", None)
    return found or ImportState(unit=unit, error="")
