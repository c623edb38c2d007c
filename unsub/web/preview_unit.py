"""The brand of a unit as its form in the admin has it before it is saved."""

import base64
import zoneinfo
from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from unsub.domain import logo_image
from unsub.domain.contrast import is_colour
from unsub.models import BusinessUnit, PauseEndAction, ReasonsAsked
from unsub.units.access import AnyUser, sees_all

from .brand import Brand, Picture, drafted_brand

Files = MultiValueDict[str, Any]
DRAFT = "draft"  # the field by which the unit's form is known
_TEXTS = ("name", "contact_email", "legal_url", "privacy_url")
_SWITCHES = ("lost_link_form", "profile_details", "pause_offered", "protects_details")
# Of these, only an operator's form has fields.
_TECHNICAL_SWITCHES = ("profile_centre",)
_TECHNICAL_TEXTS = ("confirm_key", "new_link_key", "ask_back_key")


def with_unit(
    brand: Brand,
    unit: BusinessUnit,
    posted: QueryDict,
    files: Files,
    user: AnyUser,
) -> Brand:
    """Return the brand with the unit's unsaved settings, if the form is the unit's. Nothing is
    stored; values that the form would refuse are left as they are."""
    if posted.get(DRAFT) != "unit":
        return brand
    technical = sees_all(user)
    texts = (*_TEXTS, *(_TECHNICAL_TEXTS if technical else ()))
    for name in texts:
        if name in posted:
            setattr(unit, name, posted.get(name, "").strip()[: _length(name)])
    for name in (*_SWITCHES, *(_TECHNICAL_SWITCHES if technical else ())):
        setattr(unit, name, name in posted)
    _choose(unit, posted)
    drafted = drafted_brand(unit, brand)
    return _with_pictures(drafted, posted, files)


def _length(name: str) -> int:
    field: Any = BusinessUnit._meta.get_field(name)  # noqa: SLF001 - Django's own name for it
    return int(field.max_length)


def _choose(unit: BusinessUnit, posted: QueryDict) -> None:
    """Set what has to be one of several values, or nothing."""
    accent = posted.get("accent", unit.accent).strip().lower()
    if not accent or is_colour(accent):
        unit.accent = accent
    choices = {
        "time_zone": zoneinfo.available_timezones(),
        "reasons_asked": set(ReasonsAsked.values),
        "pause_end_action": set(PauseEndAction.values),
    }
    for name, allowed in choices.items():
        if (value := posted.get(name, "")) in allowed:
            setattr(unit, name, value)
    for name in ("legal_url", "privacy_url"):
        if not getattr(unit, name).startswith("https://"):
            setattr(unit, name, "")


def _with_pictures(brand: Brand, posted: QueryDict, files: Files) -> Brand:
    """Return the brand with the chosen, not yet uploaded logos."""
    for name in ("logo", "dark_logo"):
        if f"remove_{name}" in posted:
            brand = brand.with_picture(name, None)
        if (file := files.get(f"new_{name}")) is not None:
            brand = brand.with_picture(name, _picture(file) or getattr(brand, name))
    return brand


def _picture(file: Any) -> Picture | None:
    """Return an uploaded image inside its URL; None where it is no image that can be used."""
    if (file.size or 0) > logo_image.BYTES_MAX:
        return None
    try:
        encoded = logo_image.encode(file.read())
    except logo_image.LogoError:
        return None
    data = base64.b64encode(encoded.image).decode()
    return Picture(
        content_digest=encoded.content_digest,
        width=encoded.width,
        height=encoded.height,
        data=f"data:image/webp;base64,{data}",
    )
