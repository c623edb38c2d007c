"""A unit's form, and what its fields have to agree on."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from unsub.models import PauseEnds

from .logo import LogoForm


class UnitForm(LogoForm):
    """A unit."""

    def clean(self) -> dict[str, Any]:
        """Return what was given. A pause at whose end people are asked needs the mail that asks."""
        given = super().clean() or self.cleaned_data
        asks = self._of("pause_ends") == PauseEnds.ASK
        if self._of("pause_offered") and asks and not self._of("ask_back_key"):
            self.add_error("pause_offered", _no_mail())
        return given

    def _of(self, name: str) -> Any:
        """Return a value as given, or as it is where whoever edits may not change it."""
        return self.cleaned_data.get(name, getattr(self.instance, name))


def _no_mail() -> ValidationError:
    return ValidationError(
        _(
            "People who pause are asked by mail whether they come back, and there is no such mail: "
            "an operator enters the key of the mail at the end of a pause. Or have people put back."
        ),
        code="no_mail_for_it",
    )
