"""Whose mail it was, as the page shows it; something to show when the database does not answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils.translation import get_language, gettext

from unsub.domain.context import UnsubContext
from unsub.domain.contrast import Palette, palettes
from unsub.infra import metrics
from unsub.infra.database_timeout import answering
from unsub.models import (
    BusinessUnit,
    Logo,
    MailingList,
    PageText,
    PauseEnds,
    Place,
    Reason,
    ReasonLabel,
)

from .forms import Choice

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A logo: the digest in its address, and its size in pixels of the page."""

    digest: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The brand. `reasons` is None where they cannot be looked up now; `texts` are the unit's own
    words by language and place."""

    mid: int | None = None
    brand: str = ""
    contact_email: str = ""
    language: str = ""
    list_name: str = ""
    accent: str = ""
    logo: Picture | None = None
    lost_link_form: bool = False
    profile_centre: bool = False
    profile_days: int = 90
    profile_details: bool = False
    any_alphabet: bool = False
    confirms_joining: bool = False
    changes_address: bool = False
    mails_links: bool = False
    offers_pause: bool = False
    puts_back: bool = False
    texts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    reasons: tuple[Choice, ...] | None = None

    @property
    def palettes(self) -> tuple[Palette, Palette] | None:
        """The brand's colours in the light and in the dark, or None where it has none."""
        return palettes(self.accent) if self.accent else None

    @property
    def is_unread(self) -> bool:
        """Whether the database did not say what the unit wants."""
        return self.reasons is None

    @property
    def name(self) -> str:
        """The brand, or words that stand for it."""
        return self.brand or gettext("the sender")

    @property
    def intro(self) -> str:
        """The unit's words above the button, in the language of the page."""
        return self._text(Place.INTRO)

    @property
    def question(self) -> str:
        """The unit's question for the reason, in the language of the page."""
        return self._text(Place.QUESTION)

    @property
    def farewell(self) -> str:
        """The unit's words after an unsubscribe, in the language of the page."""
        return self._text(Place.DONE)

    @property
    def footer(self) -> str:
        """The unit's words at the foot. An imprint is owed in any language: else the unit's own."""
        return self._text(Place.FOOTER) or self.texts.get((self.language, Place.FOOTER), "")

    @property
    def consent(self) -> str:
        """What somebody agrees to who joins a list, in the language of the page."""
        return self._text(Place.CONSENT) or gettext(
            "By joining you agree that %(name)s sends you its mail. You can leave at any time."
        ) % {"name": self.name}

    def _text(self, place: Place) -> str:
        return self.texts.get((get_language() or "", place), "")


def find_sender(context: UnsubContext) -> Sender:
    """Return the sender of a mail, with the name of its list where the unit gave it one. A MID that
    we do not know is a mistake of ours and not the reader's: it is counted and logged, and the
    page shows all the same."""
    mid = context.mid
    try:
        with answering():
            unit = BusinessUnit.objects.filter(mid=mid).first()
            reasons = _choices(mid)
            list_name = _list_name(context)
            if unit is not None:
                return _sender(unit, list_name=list_name, reasons=reasons)
    except (DatabaseError, InterfaceError) as err:
        log.warning("page_rendered_without_database", mid=mid, error=type(err).__name__)
        return Sender()
    _tell_of(mid)
    return Sender(reasons=reasons)


def with_texts(sender: Sender, *, language: str, drafted: Mapping[str, str]) -> Sender:
    """Return the sender with the texts of one language, by place, in place of those it has."""
    texts = {key: text for key, text in sender.texts.items() if key[0] != language}
    texts |= {(language, place): text for place, text in drafted.items()}
    return replace(sender, texts=texts)


def find_host_sender(host: str) -> Sender:
    """Return the unit whose own domain this is, or the deployment's only unit: for a link that
    does not say whose it is. Raises DatabaseError."""
    before, _, port = host.rpartition(":")
    name = before if port.isdecimal() else host
    with answering():
        unit = BusinessUnit.objects.filter(domain=name).first() if name else None
        if unit is None:
            units = list(BusinessUnit.objects.order_by()[:2])
            unit = units[0] if len(units) == 1 else None
        return _sender(unit) if unit else Sender()


def _sender(
    unit: BusinessUnit, *, list_name: str = "", reasons: tuple[Choice, ...] | None = None
) -> Sender:
    """Return what the pages show of a unit."""
    logo = Logo.objects.filter(unit=unit).values("digest", "width", "height").first()
    texts = PageText.objects.filter(unit=unit).values_list("language", "place", "text")
    return Sender(
        mid=unit.mid,
        brand=unit.name,
        contact_email=unit.contact_email,
        language=unit.language,
        list_name=list_name,
        accent=unit.accent,
        logo=Picture(**logo) if logo else None,
        lost_link_form=unit.lost_link_form,
        texts={(language, place): text for language, place, text in texts.order_by()},
        profile_centre=unit.profile_centre,
        profile_days=unit.profile_days,
        profile_details=unit.profile_details,
        any_alphabet=unit.unicode_attributes,
        confirms_joining=bool(unit.confirm_key),
        changes_address=bool(unit.confirm_address_key),
        mails_links=bool(unit.new_link_key),
        offers_pause=unit.offers_pause,
        puts_back=unit.pause_ends == PauseEnds.PUT_BACK,
        reasons=reasons,
    )


def _choices(mid: int) -> tuple[Choice, ...]:
    """Return the reasons that a unit offers, in all languages that somebody wrote them in."""
    reasons = list(Reason.objects.offered_to(mid))
    labels: dict[int, dict[str, str]] = {}
    for label in ReasonLabel.objects.filter(reason__in=reasons).order_by():
        labels.setdefault(label.reason_id, {})[label.language] = label.label
    return tuple(
        Choice(
            code=reason.code,
            label=reason.label,
            asks_text=reason.asks_text,
            labels=labels.get(reason.pk, {}),
        )
        for reason in reasons
    )


def _tell_of(mid: int) -> None:
    """Tell the operator of a unit that nobody made; the token's own makes itself on delivery."""
    if mid != settings.SFMC_ACCOUNT_ID:
        metrics.UNKNOWN_UNITS.inc()
        log.error("unknown_unit_page_shown", mid=mid)


def _list_name(context: UnsubContext) -> str:
    """Return what the unit calls the list that the mail was sent to, or nothing."""
    if context.job.list_id is None:
        return ""
    lists = MailingList.objects.filter(unit_id=context.mid, list_id=context.job.list_id)
    return lists.values_list("name", flat=True).first() or ""
