"""Whose mail it was, as the page shows it; something to show when the database does not answer."""

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext

from unsub import metrics
from unsub.colour import Palette, palettes
from unsub.context import UnsubContext
from unsub.database import answering
from unsub.models import BusinessUnit, MailingList, Reason

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The brand. `reasons` is None where they cannot be looked up now."""

    brand: str = ""
    contact_email: str = ""
    language: str = ""
    list_name: str = ""
    accent: str = ""
    reasons: tuple[Reason, ...] | None = None

    @property
    def palettes(self) -> tuple[Palette, Palette] | None:
        """The brand's colours in the light and in the dark, or None where it has none."""
        return palettes(self.accent) if self.accent else None

    @property
    def name(self) -> str:
        """The brand, or words that stand for it."""
        return self.brand or gettext("the sender")


def find_sender(context: UnsubContext) -> Sender:
    """Return the sender of a mail, with the name of its list where the unit gave it one. A MID that
    we do not know is a mistake of ours and not the reader's: it is counted and logged, and the
    page shows all the same."""
    mid = context.mid
    try:
        with answering():
            unit = BusinessUnit.objects.filter(mid=mid).first()
            reasons = tuple(Reason.objects.offered_to(mid))
            list_name = _list_name(context)
    except (DatabaseError, InterfaceError) as err:
        log.warning("page without the database", mid=mid, error=type(err).__name__)
        return Sender()
    if unit is None:
        _tell_of(mid)
        return Sender(reasons=reasons)
    return Sender(
        brand=unit.name,
        contact_email=unit.contact_email,
        language=unit.language,
        list_name=list_name,
        accent=unit.accent,
        reasons=reasons,
    )


def find_only_sender() -> Sender:
    """Return the deployment's only unit, for a link that does not say whose it is."""
    try:
        with answering():
            units = list(BusinessUnit.objects.order_by()[:2])
    except (DatabaseError, InterfaceError):
        return Sender()
    if len(units) != 1:
        return Sender()
    (unit,) = units
    return Sender(
        brand=unit.name,
        contact_email=unit.contact_email,
        language=unit.language,
        accent=unit.accent,
    )


def _tell_of(mid: int) -> None:
    """Tell the operator of a unit that nobody made; the token's own makes itself on delivery."""
    if mid != settings.SFMC_ACCOUNT_ID:
        metrics.UNKNOWN_UNITS.inc()
        log.error("no such business unit: its page shows without a name", mid=mid)


def _list_name(context: UnsubContext) -> str:
    """Return what the unit calls the list that the mail was sent to, or nothing."""
    if context.job.list_id is None:
        return ""
    lists = MailingList.objects.filter(unit_id=context.mid, list_id=context.job.list_id)
    return lists.values_list("name", flat=True).first() or ""
