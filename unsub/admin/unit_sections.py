"""The sections of a unit's form, in the order in which a marketer sets a unit up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ADVANCED = "advanced"  # the class of a fieldset that is folded below the one before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section: the id of its tab, which is also the fragment of its URL, and its fields."""

    key: str
    label: "_StrPromise"
    fields: tuple[str, ...]
    advanced: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class ShownSection:
    """A section as the template shows it, with Django's fieldsets."""

    key: str
    fieldset: Any
    advanced: Any = None
    errors: int = 0
    advanced_errors: int = 0


# Of the unit's QueueState: shown, and written by workers and by the release alone.
STATE = (
    "queue", "held_since", "held_reason", "held_requests", "paused_until", "paused_reason",
    "singly_until",
)  # fmt: skip
# Of the unit's ImportState and CatalogueState, written by workers.
IMPORTED = ("imported_upto", "import_error")
MAILS = (
    "confirm_key", "confirm_address_key", "address_notice_key", "new_link_key", "ask_back_key",
)  # fmt: skip

SECTIONS = (
    Section(
        key="brand",
        label=_("Brand and page"),
        fields=(
            "mid", "name", "accent", "logo_now", "new_logo", "remove_logo", "contact_email",
            "legal_url", "privacy_url", "reasons_asked",
        ),
        advanced=(
            "dark_logo_now", "new_dark_logo", "remove_dark_logo", "lost_link_form", "domain",
        ),
    ),
    Section(key="texts", label=_("Languages"), fields=("language", "time_zone")),
    Section(
        key="lists",
        label=_("Mailing lists"),
        fields=("unsubscribe_reach",),
        advanced=("all_subscribers_list_id", "found_all_subscribers_list_id"),
    ),
    Section(
        key="preferences",
        label=_("Preferences"),
        fields=(
            "profile_centre", "profile_details", "pause_offered", "pause_end_action",
            "profile_days",
        ),
        advanced=(*MAILS, "unicode_attributes"),
    ),
    Section(
        key="privacy",
        label=_("Privacy"),
        fields=("retention_days", "keeps_consent", "protects_details", "address_guard"),
        advanced=("address_undo_days", "address_hold_hours"),
    ),
    Section(
        key="connection",
        label=_("Connection"),
        fields=(*STATE, "lists_read", "lists_error", "import_events", *IMPORTED),
        advanced=("subscriber_key_permission", "token_by"),
    ),
    Section(key="team", label=_("Team"), fields=("members", "weekly_digest")),
)  # fmt: skip


def fieldsets() -> tuple[Any, ...]:
    """Return the form's fieldsets, as Django's admin declares them."""
    declared: list[Any] = []
    for one in SECTIONS:
        declared.append((one.label, {"fields": one.fields, "classes": (one.key,)}))
        if one.advanced:
            more = {"fields": one.advanced, "classes": (one.key, ADVANCED)}
            declared.append((_("Advanced"), more))
    return tuple(declared)


def shown(fieldsets_of_form: Iterable[Any]) -> list[ShownSection]:
    """Return the sections of a form, each with its folded part and the number of its errors."""
    sections: list[ShownSection] = []
    for one in fieldsets_of_form:
        errors = _errors(one)
        if ADVANCED in one.classes:
            last = sections[-1]
            last.advanced, last.advanced_errors = one, errors
            last.errors += errors
        else:
            key = str(one.classes).split()[0]
            sections.append(ShownSection(key=key, fieldset=one, errors=errors))
    return sections


def _errors(fieldset: Any) -> int:
    """Return how many fields of a fieldset have errors."""
    return sum(1 for line in fieldset for one in line if not one.is_readonly and one.field.errors)
