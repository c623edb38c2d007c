"""Form of a business unit, with the upload of its logo and checks across fields."""

import zoneinfo
from functools import cache
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from unsub.domain import logo_image
from unsub.models import BusinessUnit, DarkLogo, Logo, PauseEndAction

if TYPE_CHECKING:
    UnitFormBase = forms.ModelForm[BusinessUnit]
else:
    UnitFormBase = forms.ModelForm


class LogoForm(UnitFormBase):
    """Uploads and removes a unit's logo."""

    new_logo = forms.FileField(
        label=_("Logo"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(
            attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}
        ),
        help_text=_(
            "PNG, JPEG, WebP or GIF, up to 2 MB. Resized to fit 240 × 64 pixels, "
            "without metadata. In dark mode it gets a white background, unless "
            "there is a logo for dark mode."
        ),
    )
    remove_logo = forms.BooleanField(
        label=_("Remove logo"), required=False, widget=UnfoldBooleanWidget
    )

    new_dark_logo = forms.FileField(
        label=_("Logo for dark mode"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(
            attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}
        ),
        help_text=_("Must be readable on a nearly black background. Use a transparent one."),
    )
    remove_dark_logo = forms.BooleanField(
        label=_("Remove logo for dark mode"),
        required=False,
        widget=UnfoldBooleanWidget,
    )

    class Meta:
        model = BusinessUnit
        fields = "__all__"

    def clean_new_logo(self) -> logo_image.Encoded | None:
        """Return the re-encoded image, or None where none was uploaded. Raises ValidationError."""
        return _encode(self.cleaned_data.get("new_logo"))

    def clean_new_dark_logo(self) -> logo_image.Encoded | None:
        """Return the re-encoded image, or None where none was uploaded. Raises ValidationError."""
        return _encode(self.cleaned_data.get("new_dark_logo"))

    def save_logos(self) -> None:
        """Store or delete the logos. The unit has to be saved before."""
        self._save(Logo, "logo")
        self._save(DarkLogo, "dark_logo")

    def _save(self, model: type[Logo | DarkLogo], name: str) -> None:
        encoded: Any = self.cleaned_data.get(f"new_{name}")
        if encoded:
            fields = {name: getattr(encoded, name) for name in model.WRITTEN}
            model.objects.update_or_create(unit=self.instance, defaults=fields)
        elif self.cleaned_data.get(f"remove_{name}"):
            model.objects.filter(unit=self.instance).delete()


def _encode(uploaded: Any) -> logo_image.Encoded | None:
    """Return the re-encoded image of an upload, or None where there is none. Raises
    ValidationError."""
    if not isinstance(uploaded, UploadedFile):
        return None
    # The size is checked first: a file that is too large was truncated during the upload.
    if (uploaded.size or 0) > logo_image.BYTES_MAX:
        raise ValidationError(_("Choose a file of up to 2 MB"))
    try:
        return logo_image.encode(uploaded.read())
    except logo_image.LogoError as err:
        raise ValidationError(str(err)) from err


class UnitForm(LogoForm):
    """The fields of a unit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._offer_choices()
        # A form without it leaves it as it is: a script that posts the form need not know it.
        for name in ("token_by", "reasons_asked", "time_zone"):
            if name in self.fields:
                self.fields[name].required = False

    def _offer_choices(self) -> None:
        """Let language and time zone be chosen from those that there are."""
        for name, choices in (("language", settings.LANGUAGES), ("time_zone", _time_zones())):
            if name in self.fields:
                given = self.fields[name]
                self.fields[name] = forms.ChoiceField(
                    label=given.label,
                    help_text=given.help_text,
                    initial=given.initial,
                    choices=_with(choices, getattr(self.instance, name)),
                    widget=UnfoldAdminSelectWidget,
                    error_messages={"invalid_choice": _REFUSED[name]},
                )
        if "accent" in self.fields:
            self.fields["accent"].widget.attrs |= {
                "data-pick": _("Choose a button color"),
                "data-good": _("White text is readable on it (contrast {ratio}:1, WCAG AA)."),
                "data-bad": _(
                    "White text isn’t readable on it (contrast {ratio}:1, WCAG AA needs 4.5:1). "
                    "Try {near}."
                ),
            }

    def clean(self) -> dict[str, Any]:
        """Check that pauses that end with an email are offered only with a key for that email."""
        given = super().clean() or self.cleaned_data
        asks = self._of("pause_end_action") == PauseEndAction.ASK
        if self._of("pause_offered") and asks and not self._of("ask_back_key"):
            self.add_error("pause_offered", _no_mail())
        return given

    def _of(self, name: str) -> Any:
        """Return the submitted value; the stored one where the user may not change it."""
        return self.cleaned_data.get(name, getattr(self.instance, name))


_REFUSED = {
    "language": _("Choose a language"),
    "time_zone": _("Enter a time zone, like Europe/Berlin"),
}


@cache
def _time_zones() -> list[tuple[str, Any]]:
    """Return the time zones by region, and those of no region first."""
    regions: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(zoneinfo.available_timezones()):
        region, _slash, place = name.partition("/")
        regions.setdefault(region if place else "", []).append((name, name.replace("_", " ")))
    plain = regions.pop("", [])
    return [*plain, *regions.items()]


def _with(choices: list[tuple[str, Any]], stored: str) -> list[tuple[str, Any]]:
    """Return the choices, and the stored value where it is not among them."""
    known = {
        one
        for value, label in choices
        for one in ([value] if isinstance(label, str) else [name for name, _ in label])
    }
    return choices if stored in known or not stored else [(stored, stored), *choices]


def _no_mail() -> ValidationError:
    return ValidationError(
        _("Enter the “pause ended” email, or choose to resubscribe recipients automatically."),
        code="no_mail_for_it",
    )
