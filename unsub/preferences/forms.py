"""The form for profile attributes, email format and address. Fields come from Describe."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from unsub.domain.text import clean

from .attributes import NO, YES, Field, InputType, date_of, unsupported
from .form_snapshot import fingerprint, is_mark_of

FORMAT, ADDRESS = "format", "address"
FORMATS = (("HTML", _("HTML (with images)")), ("Text", _("Plain text")))
ADDRESS_MAX = 254
# Applies to 1e9, too, which is written out: without a limit, such a number could fill memory.
DIGITS_MAX = 38
EXAMPLE_DAY = datetime.date(1990, 5, 17)
# HTML: "valid floating-point number".
_NUMBER = re.compile(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
# HTML autocomplete tokens (WCAG 2.2, 1.3.5), by the attribute names that accounts commonly use.
_PURPOSES = {
    "firstname": "given-name", "lastname": "family-name", "fullname": "name", "name": "name",
    "birthday": "bday", "birthdate": "bday", "dateofbirth": "bday", "city": "address-level2",
    "postalcode": "postal-code", "zipcode": "postal-code", "zip": "postal-code",
    "country": "country-name", "company": "organization", "phone": "tel", "mobile": "tel",
}  # fmt: skip


class AddressRule(Enum):
    """How the address is changed: not here; once the new address has confirmed; the former one is
    told of it as well; or both have to confirm."""

    FIXED = auto()
    NEW_CONFIRMS = auto()
    FORMER_IS_TOLD = auto()
    BOTH_CONFIRM = auto()


_ADDRESS_HELP = {
    AddressRule.NEW_CONFIRMS: _(
        "We’ll send a link to the new address. Follow it to confirm the change."
    ),
    AddressRule.FORMER_IS_TOLD: _(
        "The change takes effect once you confirm it from an email to the new address. Your "
        "current address is told about it."
    ),
    AddressRule.BOTH_CONFIRM: _(
        "The change takes effect once you confirm it from an email to your current address, and "
        "then from one to the new address."
    ),
}


_ADDRESS_ERRORS = {
    name: _("Enter an email address, like name@example.com") for name in ("invalid", "max_length")
}


class Line(forms.CharField):
    """A single line of text of at most `longest` characters, without those that Marketing Cloud or
    XML cannot hold."""

    def __init__(self, *, any_alphabet: bool, longest: int, **kwargs: Any) -> None:
        kwargs["widget"].attrs["maxlength"] = longest
        super().__init__(**kwargs)
        self.any_alphabet, self.longest = any_alphabet, longest

    def to_python(self, value: Any) -> str:
        """Return the text on one line, cleaned by `unsub.domain.text.clean`."""
        return clean(str(value or ""))

    def validate(self, value: str) -> None:
        """Raise ValidationError for characters that are not documented as supported, unless
        `any_alphabet`."""
        super().validate(value)
        if len(value) > self.longest:
            raise forms.ValidationError(
                ngettext(
                    "“%(label)s” must be %(max)s\u00a0character or fewer",
                    "“%(label)s” must be %(max)s\u00a0characters or fewer",
                    self.longest,
                )
                % {"label": self.label, "max": self.longest}
            )
        if not self.any_alphabet and (bad := unsupported(value)):
            raise forms.ValidationError(
                gettext("“%(label)s” can’t include %(characters)s")
                % {"label": self.label, "characters": " ".join(bad[:10])}
            )


class DetailsForm(forms.Form):
    """A field for each editable attribute, for the email format, and for the address.

    `now` maps field ids to the current values. `fingerprints` maps field ids to the fingerprints
    (`mark`) of the values that the page was rendered with; empty on GET. After `is_valid()`,
    `changes` maps field ids to the values that the subscriber changed.

    Optimistic concurrency: a value that changed on both sides since rendering is an error at its
    field, and not overwritten.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        fields: Sequence[Field],
        now: Mapping[str, str],
        fingerprints: Mapping[str, str],
        any_alphabet: bool,
        address: "AddressRule",
    ) -> None:
        # One value each, so that an untouched field can be redisplayed with its current value.
        once = None if data is None else {name: data[name] for name in data}
        super().__init__(once, initial=dict(now))
        self.now, self.fingerprints = now, fingerprints
        self.changes: dict[str, str] = {}
        self.required = {field.id for field in fields if field.is_required}
        self.by_id = {field.id: field for field in fields}
        for one in fields:
            if one.is_editable:
                self.fields[one.id] = _form_field(one, now.get(one.id, ""), any_alphabet)
        self.fields[FORMAT] = forms.ChoiceField(
            label=_("Email format"), choices=FORMATS, widget=forms.RadioSelect, required=False
        )
        if address is not AddressRule.FIXED:
            hides = ADDRESS in now and not now[ADDRESS]
            self.fields[ADDRESS] = forms.EmailField(
                label=_("New email address") if hides else _("Email address"),
                max_length=ADDRESS_MAX,
                required=False,
                help_text=_ADDRESS_HELP[address],
                error_messages=_ADDRESS_ERRORS,
                widget=forms.EmailInput(attrs={"autocomplete": "email", "dir": "ltr"}),
            )
            if not hides:
                self.required.add(ADDRESS)

    def clean(self) -> dict[str, Any]:
        """Collect the changes. Drops validation errors of fields that were not changed."""
        for name in self.fields:
            self._check(name)
        return self.cleaned_data

    def _check(self, name: str) -> None:
        """Record the change of one field, or its error."""
        typed = str(self[name].value() or "").strip()
        if name not in self.data or self._is_unchanged(name, typed):
            self.errors.pop(name, None)
            self._as_now(name)
            return
        if name in self.errors:
            return
        value = _text(self.cleaned_data.get(name))
        if not value and name in self.required:
            self.add_error(name, self._missing(name))
        elif self._was_changed_by_others(name, value):
            self.add_error(name, self._conflict(name))
        elif value != self.now.get(name, ""):
            self.changes[name] = value

    def _as_now(self, name: str) -> None:
        """Show the current value in a field that the subscriber left alone: redisplaying the old
        value would look like a change of theirs."""
        self.data = {**self.data, name: self.now.get(name, "")}

    def _is_unchanged(self, name: str, typed: str) -> bool:
        return is_mark_of(self.fingerprints.get(name, fingerprint("")), typed)

    def _was_changed_by_others(self, name: str, value: str) -> bool:
        now = self.now.get(name, "")
        return not is_mark_of(self.fingerprints.get(name, fingerprint("")), now) and value != now

    def _missing(self, name: str) -> str:
        """Return the message for a required field that is empty."""
        if name == ADDRESS:
            return str(_ADDRESS_ERRORS["invalid"])
        return gettext("Enter a value for “%(label)s”") % {"label": self.fields[name].label}

    def _conflict(self, name: str) -> str:
        """Return the message for a field that changed elsewhere since the page was rendered."""
        label, now = self.fields[name].label, self.now.get(name, "")
        if not now:
            return gettext(
                "“%(label)s” was cleared while you were editing. Save again to keep your version."
            ) % {"label": label}
        return gettext(
            "“%(label)s” was changed to “%(value)s” while you were editing. Save again to keep "
            "your version."
        ) % {"label": label, "value": now}

    def attributes(self) -> Iterator[tuple[Field, str]]:
        """Yield the changed attributes with their new values."""
        for name, value in self.changes.items():
            if name in self.by_id:
                yield self.by_id[name], value


def _form_field(one: Field, now: str, any_alphabet: bool) -> forms.Field:
    """Return the form field of an attribute. Required is checked in `clean`, only where changed."""
    common: dict[str, Any] = {
        "label": one.label, "help_text": one.help_text, "required": False,
    }  # fmt: skip
    if one.input_type is InputType.CHOICE:
        known = [value for value, _label in one.choices]
        # A value that is no longer offered stays selectable until the subscriber chooses another.
        kept = [(now, now)] if now and now not in known else []
        return forms.ChoiceField(choices=[("", "—"), *one.choices, *kept], **common)
    if one.input_type is InputType.YES_NO:
        choices = [("", "—"), (YES, gettext("Yes")), (NO, gettext("No"))]
        kept = [(now, now)] if now not in {"", YES, NO} else []
        return forms.ChoiceField(choices=[*choices, *kept], **common)
    if one.input_type is InputType.DATE:
        invalid = gettext("Enter a date, like %(example)s") % {
            "example": date_format(EXAMPLE_DAY, "SHORT_DATE_FORMAT")
        }
        errors = {"invalid": invalid}
        return forms.DateField(widget=_date_input(now), error_messages=errors, **common)
    if one.input_type is InputType.NUMBER:
        digits = min(one.length, DIGITS_MAX)
        errors = {"invalid": gettext("Enter a number")}
        return forms.DecimalField(
            max_digits=digits, widget=_number_input(now), error_messages=errors, **common
        )
    if one.input_type is InputType.EMAIL:
        attrs = {"autocomplete": "email", "dir": "ltr"}
        length = min(one.length, ADDRESS_MAX)
        return forms.EmailField(
            max_length=length,
            widget=forms.EmailInput(attrs=attrs),
            error_messages=_ADDRESS_ERRORS,
            **common,
        )
    purpose = _PURPOSES.get(one.name.replace(" ", "").replace("_", "").casefold(), "")
    widget = forms.TextInput(attrs={"autocomplete": purpose} if purpose else {})
    if one.input_type is InputType.PHONE:
        widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "dir": "ltr"})
    return Line(any_alphabet=any_alphabet, longest=one.length, widget=widget, **common)


def _date_input(now: str) -> forms.Widget:
    """Return the input for a date. A value that is no date gets a text input: a date input would
    drop it and submit an empty value."""
    is_day = not now or date_of(now) is not None
    return forms.DateInput(attrs={"type": "date" if is_day else "text"})


def _number_input(now: str) -> forms.Widget:
    """Return the input for a number; a text input for a value that a number input would drop."""
    attrs = {"inputmode": "decimal"}
    if now and not _NUMBER.fullmatch(now):
        return forms.TextInput(attrs=attrs)
    return forms.NumberInput(attrs=attrs | {"step": "any"})


def _text(value: Any) -> str:
    """Return a cleaned value as text for Marketing Cloud."""
    if value is None:
        return ""
    return format(value, "f") if isinstance(value, Decimal) else str(value)
