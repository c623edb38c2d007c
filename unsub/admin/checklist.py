"""What a unit still needs, in words, each with a link to where it is done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from unsub.models import BusinessUnit
from unsub.units.setup import ESSENTIAL, Gap, facts_of, gaps

from . import formatting

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Where an item is done: the name of a page, which has the MID in its URL or not, or a fragment of
# the unit's form. "": a setting of the deployment, or nothing to do here.
_FORM, _TEXTS = "change", "languages"
_WORDS: dict[Gap, tuple["_StrPromise", str]] = {
    Gap.LINK_KEY: (
        _("There is no link key for this business unit. Ask your operator to add it to LINK_KEYS."),
        "",
    ),
    Gap.CONNECTION: (_("Marketing Cloud hasn’t answered a call for this business unit yet."),
                     f"{_FORM}#connection"),
    Gap.RIGHTS: (
        _("The installed package lacks List and Subscribers: Read in Marketing Cloud."),
        f"{_FORM}#connection",
    ),
    Gap.HELD: (_("The queue is on hold. Correct the cause, then resume it."),
               f"{_FORM}#connection"),
    Gap.IMPORT: (_("The last import of unsubscribes failed."), f"{_FORM}#connection"),
    Gap.NAME: (_("Enter the brand name that recipients know."), f"{_FORM}#id_name"),
    Gap.CONTACT: (_("Enter a contact email for recipients who need help."),
                  f"{_FORM}#id_contact_email"),
    Gap.REASONS: (_("No reasons are shown on the unsubscribe page."), "reasons"),
    Gap.ALARMS: (
        _("Alerts reach nobody. Ask your operator to set ADMINS or ALERT_WEBHOOK_URL."), "",
    ),
    Gap.ONE_CLICK: (
        _("No one-click unsubscribe has arrived yet. Check the List-Unsubscribe header of your "
          "emails."),
        "links",
    ),
    Gap.ALL_SUBSCRIBERS: (
        _("The All Subscribers list isn’t known. Unsubscribes from all marketing emails aren’t "
          "tracked against the send."),
        f"{_FORM}#lists",
    ),
    Gap.NEW_LINK: (
        _("Details in the preference center stay hidden: the new link email is missing."),
        f"{_FORM}#preferences",
    ),
    Gap.LOGO: (_("Upload a logo."), f"{_FORM}#id_new_logo"),
    Gap.LEGAL: (_("Enter the URL of your legal notice."), f"{_FORM}#id_legal_url"),
    Gap.PRIVACY: (_("Enter the URL of your privacy policy."), f"{_FORM}#id_privacy_url"),
    Gap.TEXTS: (_("Your page texts are incomplete in some languages."), _TEXTS),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the checklist. `url` is empty where nothing can be done in the admin."""

    text: str
    url: str
    is_essential: bool


def items_of(unit: BusinessUnit) -> list[Item]:
    """Return what a unit lacks, the most urgent first. Reads stored state alone."""
    return [_item(unit, gap) for gap in gaps(facts_of([unit])[unit.mid])]


def describe(units: Iterable[BusinessUnit]) -> None:
    """Give each unit of a list its `gaps`, with the same few queries for all of them."""
    rows = list(units)
    facts = facts_of(rows)
    for unit in rows:
        unit.gaps = gaps(facts[unit.mid])  # type: ignore[attr-defined]


def badge(unit: BusinessUnit) -> SafeString:
    """Return how much a unit lacks, linked to its checklist. `describe` has to be called before."""
    lacks: Sequence[Gap] = getattr(unit, "gaps", ())
    if not lacks:
        return formatting.badge("done", gettext("complete"))
    number = len(lacks)
    urgent = sum(gap in ESSENTIAL for gap in lacks)
    words = ngettext("%d thing missing", "%d things missing", number) % number
    address = f"{reverse('admin:unsub_businessunit_change', args=(unit.mid,))}#checklist"
    return format_html(
        '<a href="{}">{}</a>', address, formatting.badge("refused" if urgent else "held", words)
    )


def _item(unit: BusinessUnit, gap: Gap) -> Item:
    words, where = _WORDS[gap]
    return Item(text=str(words), url=_url(unit, where), is_essential=gap in ESSENTIAL)


def _url(unit: BusinessUnit, where: str) -> str:
    page, _hash, fragment = where.partition("#")
    match page:
        case "":
            return ""
        case "reasons":
            return reverse("admin:unsub_reason_changelist")
        case "links":
            return reverse("admin:unsub_businessunit_links")
        case _ if fragment:
            return f"{reverse('admin:unsub_businessunit_change', args=(unit.mid,))}#{fragment}"
        case _:
            return reverse(f"admin:unsub_businessunit_{page}", args=(unit.mid,))
