"""A unit's topics: what recipients choose beside the lists, and where Marketing Cloud keeps it.

A topic that is kept as a publication list is a MailingList, which has all of this already. A topic
here is a profile attribute, or a column of a data extension.
"""

from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit
from .mailing_list import DESCRIPTION_LENGTH, LAST, NAME_LENGTH

# Names of data extensions, their columns and attributes; the longest that the vendor's forms take.
PLACE_LENGTH = 200
VALUE_LENGTH = 100
CHOICES_LENGTH = 2000
CHOICES_MAX = 20


class TopicKept(models.TextChoices):
    """Where a topic is kept."""

    COLUMN = "column", _("column of a data extension")
    ATTRIBUTE = "attribute", _("profile attribute")


class KeyHolds(models.TextChoices):
    """What the key column of a data extension holds."""

    SUBSCRIBER_KEY = "key", "SubscriberKey"
    SUBSCRIBER_ID = "id", "SubscriberID"
    ADDRESS = "address", _("email address")


class Topic(models.Model):
    """One topic. `code` never changes: requests name it.

    Without `choices` it is a yes or no: `on_value` and `off_value`. With them it is a pick list,
    such as a frequency, and `off_value` is the choice that means no emails, if there is one.
    """

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        related_name="topics",
    )
    code = models.SlugField(
        _("code"),
        max_length=50,
        db_index=False,  # the unique constraint has one
        help_text=_("Names the topic in requests and exports, like events. It can’t be changed."),
        validators=[RegexValidator("[a-z]", _("Use at least one small letter."))],
    )
    name = models.CharField(
        _("name"), max_length=NAME_LENGTH, help_text=_("As recipients know it. Also per language.")
    )
    description = models.CharField(
        _("description"), max_length=DESCRIPTION_LENGTH, blank=True, default="", db_default=""
    )
    offered = models.BooleanField(
        _("offered"),
        default=True,
        db_default=True,
        help_text=_(
            "Recipients can choose it in the preference center. If off, only those who have it on "
            "see it, and can leave it."
        ),
    )
    position = models.PositiveSmallIntegerField(
        _("order"),
        default=LAST,
        db_default=LAST,
        help_text=_("Among topics and mailing lists, lowest first."),
    )
    kept_in = models.CharField(
        _("kept in"), max_length=10, choices=TopicKept.choices, default=TopicKept.COLUMN
    )
    data_extension = models.CharField(
        _("data extension"),
        max_length=PLACE_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text=_("Its external key (CustomerKey)."),
    )
    key_column = models.CharField(
        _("key column"),
        max_length=PLACE_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text=_("The primary key of the data extension, like SubscriberKey."),
    )
    key_holds = models.CharField(
        _("key column holds"),
        max_length=10,
        choices=KeyHolds.choices,
        default=KeyHolds.SUBSCRIBER_KEY,
    )
    column = models.CharField(
        _("column or attribute"),
        max_length=PLACE_LENGTH,
        help_text=_("Where the value is kept."),
    )
    on_value = models.CharField(
        _("value for on"), max_length=VALUE_LENGTH, blank=True, default="True"
    )
    off_value = models.CharField(
        _("value for off"),
        max_length=VALUE_LENGTH,
        blank=True,
        default="False",
        help_text=_("In a pick list: the choice that means no emails, or empty."),
    )
    choices = models.TextField(
        _("choices"),
        max_length=CHOICES_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "For a pick list: one choice on each line, as value = label, like monthly = Once a "
            "month. Empty for yes or no."
        ),
    )
    empty_value = models.CharField(
        _("value where there is none"),
        max_length=VALUE_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "What counts for somebody without a row, or with an empty column. Empty: the topic is "
            "off."
        ),
    )
    unsubscribes_list_id = models.BigIntegerField(
        _("also unsubscribe from ListID"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "A data extension records no unsubscribe. With a ListID, whoever leaves the topic is "
            "unsubscribed from that list, too, which is tracked (UnsubEvent)."
        ),
    )

    class Meta:
        ordering = ("unit", "position", "name")
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        constraints = (
            models.UniqueConstraint(fields=("unit", "code"), name="topic_once_per_unit"),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raise ValidationError where the place or the values are not complete."""
        known = dict(read_choices(self.choices))
        errors = self._wrong_place() if self.kept_in == TopicKept.COLUMN else {}
        errors |= self._wrong_choices(known) if self.choices.strip() else self._wrong_values()
        if self.unit_id:
            errors |= self._same_place() | self._wrong_list()
        if errors:
            raise ValidationError(errors)

    def _wrong_place(self) -> dict[str, str]:
        """Return errors of a column of a data extension."""
        empty = [name for name in ("data_extension", "key_column") if not getattr(self, name)]
        errors = dict.fromkeys(empty, str(_("Enter where the data extension keeps it.")))
        if self.key_column and self.key_column.casefold() == self.column.casefold():
            errors["column"] = str(_("The key column can’t hold the value, too."))
        return errors

    def _same_place(self) -> dict[str, str]:
        """Return errors of a place that another topic has. Requests about two topics have no order
        among them."""
        same = Topic.objects.filter(
            unit_id=self.unit_id, kept_in=self.kept_in, column__iexact=self.column
        ).exclude(pk=self.pk)
        if self.kept_in == TopicKept.COLUMN:
            same = same.filter(data_extension=self.data_extension)
        return {"column": str(_("Another topic is kept there."))} if same.exists() else {}

    def _wrong_list(self) -> dict[str, str]:
        """Return errors of the list that is left with the topic."""
        if self.unsubscribes_list_id is None:
            return {}
        same = Topic.objects.filter(
            unit_id=self.unit_id, unsubscribes_list_id=self.unsubscribes_list_id
        ).exclude(pk=self.pk)
        error = ""
        if self.unsubscribes_list_id in self.unit.all_subscribers_list_ids:
            error = str(_("This is All Subscribers: leaving it means leaving everything."))
        elif same.exists():
            error = str(_("Another topic has this list: whoever leaves one would leave both."))
        return {"unsubscribes_list_id": error} if error else {}

    def _wrong_values(self) -> dict[str, str]:
        """Return errors of a yes or no."""
        errors: dict[str, str] = {}
        if not self.on_value or self.on_value == self.off_value:
            errors["on_value"] = str(_("On and off need different values."))
        if self.empty_value not in {"", self.on_value, self.off_value}:
            errors["empty_value"] = str(_("This is neither the value for on nor that for off."))
        return errors

    def _wrong_choices(self, known: dict[str, str]) -> dict[str, str]:
        """Return errors of a pick list."""
        errors: dict[str, str] = {}
        lines = [one for one in self.choices.splitlines() if one.strip()]
        if len(known) != len(lines) or not 2 <= len(known) <= CHOICES_MAX:
            errors["choices"] = str(_("Enter 2 to 20 different choices, each as value = label."))
        for name in ("off_value", "empty_value"):
            if getattr(self, name) and getattr(self, name) not in known:
                errors[name] = str(_("This isn’t one of the choices."))
        return errors


class TopicText(models.Model):
    """Name, description and labels of a topic in another language. What is empty is the topic's
    own."""

    topic = models.ForeignKey(
        Topic, verbose_name=_("topic"), on_delete=models.CASCADE, related_name="texts"
    )
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    name = models.CharField(_("name"), max_length=NAME_LENGTH, blank=True)
    description = models.CharField(_("description"), max_length=DESCRIPTION_LENGTH, blank=True)
    choices = models.TextField(
        _("choices"),
        max_length=CHOICES_LENGTH,
        blank=True,
        help_text=_("One on each line, as value = label."),
    )

    class Meta:
        ordering = ("language",)
        verbose_name = _("translation of a topic")
        verbose_name_plural = _("translations of topics")
        constraints = (
            models.UniqueConstraint(
                fields=("topic", "language"), name="topic_text_once_per_language"
            ),
        )

    def __str__(self) -> str:
        return self.name


def read_choices(text: str) -> Iterable[tuple[str, str]]:
    """Yield (value, label) of each line of choices, `value = label`; lines without a value are left
    out, and a missing label is the value."""
    for line in text.splitlines():
        value, _sign, label = line.partition("=")
        value = value.strip()[:VALUE_LENGTH]
        if value:
            yield value, label.strip() or value
