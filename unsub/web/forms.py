"""The forms of the recipients' pages. No field is required to unsubscribe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from unsub.domain.text import clean

WORDS_MAX = 100  # Marketing Cloud stores at most this many characters of a reason
FORM_MARKER = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonChoice:
    """A reason as offered on a page. `labels` are the unit's own translations, by language."""

    code: str
    label: str
    asks_text: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the label in the language of the page."""
        return self.labels.get(get_language() or "") or gettext(self.label)


class WordsField(forms.CharField):
    """CharField that normalises and truncates to 100 characters instead of raising ValidationError:
    free text must not prevent an unsubscribe."""

    def to_python(self, value: Any) -> str:
        """Return the text on one line, truncated, without characters that XML cannot carry."""
        return clean(str(value or ""))[:WORDS_MAX].rstrip()


class ReasonForm(forms.Form):
    """An optional reason for an unsubscribe."""

    # Distinguishes this form from a one-click POST to the same URL.
    form = forms.CharField(initial=FORM_MARKER, widget=forms.HiddenInput, required=False)
    reason = forms.ChoiceField(
        label=_("Why did you unsubscribe?"),
        widget=forms.RadioSelect,
        required=False,
        error_messages={"invalid_choice": _("Choose one of the reasons below")},
    )
    words = WordsField(
        label=_("Tell us more"),
        help_text=_("Up to 100\u00a0characters. Don’t include personal details."),
        required=False,
        widget=forms.TextInput(
            attrs={
                "maxlength": WORDS_MAX,
                "autocomplete": "off",
                "aria-describedby": "words-hint",
            }
        ),
    )

    def __init__(self, *args: Any, reasons: Sequence[ReasonChoice] | None, **kwargs: Any) -> None:
        """Offer `reasons`. None: the database did not answer, and any submitted code is
        accepted."""
        super().__init__(*args, **kwargs)
        self.reasons = reasons or ()
        choices = [(reason.code, str(reason)) for reason in self.reasons]
        if reasons is None and (code := self.chosen):
            choices = [(code, code)]
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - told to the type checker
        field.choices = choices

    @property
    def chosen(self) -> str:
        """The code that was submitted, or ""."""
        return str(self.data.get("reason", ""))

    @property
    def asking(self) -> frozenset[str]:
        """The codes of the reasons that ask for free text."""
        return frozenset(reason.code for reason in self.reasons if reason.asks_text)


class LostLinkForm(forms.Form):
    """An email address, which a marketer then checks."""

    email_address = forms.EmailField(
        label=_("Email address"),
        max_length=254,
        error_messages={
            name: _("Enter an email address, like name@example.com")
            for name in ("required", "invalid", "max_length")
        },
        widget=forms.EmailInput(attrs={"autocomplete": "email", "dir": "ltr"}),
    )
