"""The one form that recipients meet. Nothing in it is required."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .models import Reason
from .text import clean

WORDS_MAX = 100  # what Marketing Cloud keeps of a reason
MARK = "page"


class WordsField(forms.CharField):
    """Free text that is mended rather than refused: it must never stand between a person and the
    door."""

    def to_python(self, value: Any) -> str:
        """Return the text on one line, without what XML cannot carry, and not too long."""
        return clean(str(value or ""))[:WORDS_MAX].rstrip()


class ReasonForm(forms.Form):
    """Why somebody leaves, if they care to say."""

    # Tells this page's form from a one-click POST at the same address.
    form = forms.CharField(initial=MARK, widget=forms.HiddenInput, required=False)
    reason = forms.ChoiceField(
        label=_("Would you tell us why?"),
        widget=forms.RadioSelect,
        required=False,
        error_messages={
            "invalid_choice": _("That reason is no longer on the list. Choose another, or none.")
        },
    )
    words = WordsField(
        label=_("In your own words"),
        required=False,
        widget=forms.TextInput(attrs={"maxlength": WORDS_MAX, "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, reasons: Sequence[Reason] | None, **kwargs: Any) -> None:
        """Offer `reasons`; None: they cannot be looked up now, and any code is taken as it is."""
        super().__init__(*args, **kwargs)
        self.reasons = reasons or ()
        choices = [(reason.code, gettext(reason.label)) for reason in self.reasons]
        if reasons is None and (code := str(self.data.get("reason", ""))):
            choices = [(code, code)]
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - told to the type checker
        field.choices = choices

    @property
    def asking(self) -> frozenset[str]:
        """The codes of the reasons that ask for words."""
        return frozenset(reason.code for reason in self.reasons if reason.asks_text)
