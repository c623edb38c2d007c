"""Reasons for an unsubscribe, as the pages offer them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit


class ReasonQuerySet(models.QuerySet["Reason"]):
    """Queries for reasons."""

    def offered_to(self, mid: int) -> "ReasonQuerySet":
        """Return the active reasons of a unit, or the common ones where it has none of its own."""
        active = self.filter(active=True)
        own = active.filter(unit_id=mid)
        return active.filter(models.Q(unit_id=mid) | models.Q(unit=None) & ~models.Exists(own))


class Reason(models.Model):
    """One reason. Its label is also sent to Marketing Cloud."""

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="reasons",
        help_text=_(
            "Leave empty to offer this in all business units that have no reasons of their own."
        ),
    )
    code = models.SlugField(_("code"), max_length=40)
    label = models.CharField(_("label"), max_length=80)
    asks_text = models.BooleanField(_("ask for a comment"), default=False)
    is_abuse = models.BooleanField(
        _("counts as abuse"),
        default=False,
        db_default=False,
        help_text=_("For recipients who never signed up. The overview counts these requests."),
    )
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    active = models.BooleanField(_("shown"), default=True)

    objects = ReasonQuerySet.as_manager()

    class Meta:
        ordering = ("position", "pk")
        verbose_name = _("reason")
        verbose_name_plural = _("reasons")
        constraints = (
            models.UniqueConstraint(
                fields=("unit", "code"), name="reason_code_once_per_unit", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return self.label


class ReasonLabel(models.Model):
    """The label of a reason in another language. Marketing Cloud gets `Reason.label`, so that
    reports are in one language."""

    reason = models.ForeignKey(
        Reason, verbose_name=_("reason"), on_delete=models.CASCADE, related_name="labels"
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    label = models.CharField(_("label"), max_length=80)

    class Meta:
        ordering = ("language",)
        verbose_name = _("translation")
        verbose_name_plural = _("translations")
        constraints = (
            models.UniqueConstraint(fields=("reason", "language"), name="label_once_per_language"),
        )

    def __str__(self) -> str:
        return self.label
